#!/bin/sh
# Run once, by the database's own image on an empty volume: a role and a database each, neither may look at the other's.
set -eu
psql --set=ON_ERROR_STOP=1 --set=ours="$ONBOARD_DB_PASSWORD" --set=prefects="$PREFECT_DB_PASSWORD" <<'SQL'
CREATE ROLE onboard LOGIN PASSWORD :'ours';
CREATE ROLE prefect LOGIN PASSWORD :'prefects';
CREATE DATABASE onboard OWNER onboard;
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT ON DATABASE onboard, prefect FROM PUBLIC;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SQL
