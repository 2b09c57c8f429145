"""Faults by name: a valid file becomes one with exactly one fault.

In: a `Draft` and the code of a finding.  Out: the ways to put that fault into it, each
with the place at which `dflow.check` reports it.  This module does not choose among
them.

There is a maker for every code of `dflow.findings.KINDS`; a test fails when a code has
none.  A maker yields nothing where a file has no place for its fault (no MPAN, no
optional item), and then `faulty` draws another file or says that there is none.
"""

from __future__ import annotations

from dflow.errors import LookupMiss, near_misses
from dflow.testing import faults_body, faults_envelope, faults_values
from dflow.testing.faulty import FaultMaker

__all__ = ["FAULTS", "fault_maker"]

#: The maker of every fault, by the code of the finding that tells of it.
FAULTS: dict[str, FaultMaker] = {
    **faults_envelope.MAKERS,
    **faults_body.MAKERS,
    **faults_values.MAKERS,
}


def fault_maker(code: str) -> FaultMaker:
    """The maker of a fault.

    Raises:
        LookupMiss: if no finding has this code, naming what is near.
    """
    maker = FAULTS.get(code)
    if maker is None:
        near = near_misses(code, FAULTS)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise LookupMiss(f"no fault {code!r}{hint}")
    return maker
