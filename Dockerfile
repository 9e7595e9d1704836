# One image for every process: replicas, workers, Prefect's server, the sandbox. Built from the lock, by hash.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
# uv and hatchling come from the lock as well; they stay behind in this stage
RUN python -m venv /build \
 && sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
 && /build/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r uv.txt \
 && /build/bin/uv pip install --quiet --no-cache --python /build/bin/python --constraint requirements.lock hatchling
RUN python -m venv --without-pip /opt/onboard \
 && /build/bin/uv pip install --quiet --no-cache --compile-bytecode --python /opt/onboard/bin/python \
      --constraint requirements.lock --requirement pyproject.toml \
      --extra prefect --extra procrastinate --extra tracing --extra oidc
COPY agents agents
COPY api api
COPY benchmarks benchmarks
COPY checkpoints checkpoints
COPY flows flows
COPY graph graph
COPY onboarding onboarding
COPY tools tools
RUN /build/bin/python -m hatchling build -t wheel -d /src/dist \
 && /build/bin/uv pip install --quiet --no-cache --no-deps --python /opt/onboard/bin/python /src/dist/*.whl

FROM python:3.11.13-slim-bookworm
COPY --from=build /opt/onboard /opt/onboard
ENV PATH=/opt/onboard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LANGGRAPH_STRICT_MSGPACK=true \
    ONBOARD_DATA_DIR=/var/lib/onboard
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/onboard --shell /usr/sbin/nologin onboard \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/onboard
USER 10001:10001
WORKDIR /var/lib/onboard
VOLUME /var/lib/onboard
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["onboard", "serve", "--host", "0.0.0.0", "--port", "8000"]
