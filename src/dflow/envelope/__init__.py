"""The envelope: header and trailer of user files and pool files."""

from dflow.envelope.header import (
    Envelope,
    Header,
    HeaderReading,
    Party,
    parse_timestamp,
    read_header,
)
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
    "read_header",
    "read_trailer",
]
