"""Reading: bytes to trees, whole or streamed instance by instance."""

from dflow.parse.reading import read
from dflow.parse.scanning import Scan, scan
from dflow.parse.source import Chunks, Source, open_source

__all__ = ["Chunks", "Scan", "Source", "open_source", "read", "scan"]
