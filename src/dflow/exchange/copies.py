"""A copy that differs from its original: a new address, or only some instances.

In: the original's bytes, its header and tree, and what the rule says.  Out: the copy's
bytes and address.  This module does not know journals.  It is the one place where a copy
changes; a copy of which the rule says nothing is the original's bytes.
"""

from __future__ import annotations

from attrs import evolve

from dflow import edit
from dflow.envelope import Header
from dflow.errors import StructureError
from dflow.flow import Flow
from dflow.routing import Copy, instances

__all__ = ["copied"]


def copied(
    copy: Copy, original: bytes, header: Header, flow: Flow | None
) -> tuple[bytes | None, Header]:
    """A copy's bytes, or None where they are the original's, and its header.

    Raises:
        StructureError: if only some instances are asked for and the file is not whole.
    """
    if copy.readdressed is None and copy.matching is None:
        return None, header
    content = original
    if copy.matching is not None:
        content = _only_matching(copy, flow)
    if copy.readdressed is not None:
        header = evolve(header, recipient=copy.readdressed)
        content = edit.readdress_bytes(content, recipient=copy.readdressed)
    return content, header


def _only_matching(copy: Copy, flow: Flow | None) -> bytes:
    """The file with only the instances that match, and its counts made right."""
    whole = flow is not None and flow.trailer is not None and not flow.strays
    if flow is None or not whole or copy.matching is None or flow.header_record is None:
        raise StructureError(f"clone {copy.rule} copies instances, and the file is not whole")
    kept = [group for groups in instances(flow) if copy.matching(*groups) for group in groups]
    return bytes(edit.settled(evolve(flow, groups=tuple(kept)), flow))
