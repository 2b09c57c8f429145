"""Faults by name: a valid file becomes one with exactly one fault.

In: a `Draft` and the code of a finding.  Out: the ways to put that fault into it, each
with the place at which `dflow.check` reports it.  This module does not choose among
them.

There is a maker for every code of `dflow.findings.KINDS`; a test fails when a code has
none.  A maker yields nothing where a file has no place for its fault (no MPAN, no
optional item), and then `faulty` draws another file or says that there is none.
"""

from __future__ import annotations

from dflow.catalogue import Catalogue
from dflow.errors import LookupMiss, StructureError, near_misses
from dflow.flow import Flow
from dflow.generator.heads import HEADER_WIDTH, header_from
from dflow.generator.plan import plan_flow
from dflow.generator.shape import make_body, make_file
from dflow.parse import read
from dflow.testing import faults_body, faults_envelope, faults_values
from dflow.testing.draft import draft_of
from dflow.testing.faulty import FaultMaker

__all__ = ["FAULTS", "fault_maker", "refuse_impossible"]

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


def refuse_impossible(fault: str, flow: Flow, catalogue: Catalogue) -> None:
    """Say so if no file of a flow can have a fault; nothing if this file only has no place.

    The full file is asked: every group, every value, twice.  Documented conditions may
    need values that it does not have, so faults of conditions are refused only where the
    flow has none.

    Raises:
        StructureError: naming the flow and the fault.
    """
    definition = flow.definition
    if definition is None or (fault == "condition" and definition.conditions):
        return
    plan = plan_flow(definition, catalogue.roles)
    made = header_from(bytes(HEADER_WIDTH), *definition.key, plan.roles)
    values = b"\xc1" * (plan.width - 1)
    choices = [bytes((at % plan.size % 256,)) + values for at in range(2 * plan.size)]
    full = make_file(plan, made.header, make_body(plan, choices, made))
    if not any(True for _ in FAULTS[fault](draft_of(read(full, catalogue=catalogue), catalogue))):
        raise StructureError(f"no file of {definition} has a place for the fault {fault!r}")
