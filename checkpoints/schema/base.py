"""What all tables share."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()
Seq = BigInteger().with_variant(Integer, "sqlite")
