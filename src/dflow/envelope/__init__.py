"""The envelope: header and trailer of user files and pool files, and other addresses."""

from dflow.envelope.address import read_address
from dflow.envelope.header import (
    Envelope,
    Header,
    HeaderReading,
    Party,
    parse_timestamp,
    read_header,
)
from dflow.envelope.irish import read_irish
from dflow.envelope.mhhs import read_mhhs
from dflow.envelope.pool import pool_checksum
from dflow.envelope.trailer import Trailer, TrailerReading, read_trailer

__all__ = [
    "Envelope",
    "Header",
    "HeaderReading",
    "Party",
    "Trailer",
    "TrailerReading",
    "parse_timestamp",
    "pool_checksum",
    "read_address",
    "read_header",
    "read_irish",
    "read_mhhs",
    "read_trailer",
]
