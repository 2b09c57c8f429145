"""The address of a file of any known kind, told by how it begins.

In: the first bytes of a file, or all of them.  Out: a `Header` and findings.  This module
knows which reader a beginning is for, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from dflow.envelope.header import HeaderReading, read_header
from dflow.envelope.irish import read_irish
from dflow.envelope.mhhs import read_mhhs

__all__ = ["read_address"]

_MARK = b"\xef\xbb\xbf"


def read_address(data: bytes, *, live_tags: Collection[str] = ()) -> HeaderReading:
    """Read the address of a D-flow, an Irish market message or a platform message.

    Args:
        data: the file; of a D-flow its first line is enough, of an Irish message its first
            64 KiB, of a platform message all is needed.
        live_tags: the environment tags of platform messages that mean production.
    """
    start = data[:1024].removeprefix(_MARK).lstrip()
    if start.startswith(b"<") or data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return read_irish(data)
    if start.startswith(b"{"):
        return read_mhhs(data.removeprefix(_MARK), live_tags=live_tags)
    first = data.removeprefix(_MARK).split(b"\n", 1)[0].removesuffix(b"\r")
    return read_header(first)
