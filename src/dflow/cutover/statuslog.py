"""The status log: dated updates, newest first, and the flows that are impacted.

In: a plan, where it stands, the flows in trouble.  Out: a text for those who read and do
not ask, and the same as blocks of a report.  This module sends nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from dflow.catalogue import Catalogue, bundled
from dflow.cutover.plan import CutoverPlan
from dflow.cutover.standing import Standing
from dflow.report import Table

__all__ = ["impacted_table", "log_table", "log_text", "named"]


def named(flow: str, catalogue: Catalogue | None = None) -> str:
    """A flow version with its name, such as ``D0386 v001, Manage Metering Point Relationships``.

    Names belong to versions: one whose name is not known borrows none.
    """
    number, _, version = flow.partition(" v")
    definition = (catalogue or bundled()).get(number, version)
    return f"{flow}, {definition.name}" if definition and definition.name else flow


def log_text(
    plan: CutoverPlan,
    standing: Standing,
    impacted: Sequence[str],
    *,
    catalogue: Catalogue | None = None,
) -> str:
    """The status log as plain text (capability 44)."""
    lines = [plan.name, "=" * len(plan.name), ""]
    lines.append(f"Gateway closure: {plan.local(plan.closure)}. Release {plan.release}.")
    lines.append(f"Last updated: {plan.local(standing.at)}")
    if impacted:
        lines += ["", "Impacted flows:", ""]
        lines += [f"  {named(flow, catalogue)}" for flow in impacted]
    lines += ["", "Updates, newest first:", ""]
    for update in standing.updates:
        lines.append(f"  Update ({plan.local(update.at)}): {update.words} [{update.who}]")
    if not standing.updates:
        lines.append("  None yet.")
    restricted = [one for one in plan.restrictions if one.start <= standing.at < one.end]
    for one in restricted:
        lines += ["", f"{one.system} is restricted until {plan.local(one.end)}. It offers only:"]
        lines += [f"  {function}" for function in one.allowed]
    if plan.contact:
        lines += ["", f"Questions: {plan.contact}"]
    return "\n".join(lines) + "\n"


def log_table(plan: CutoverPlan, standing: Standing) -> Table:
    """The updates as a table."""
    return Table(
        title="Updates, newest first",
        heads=("When", "Update", "By"),
        rows=tuple((plan.local(one.at), one.words, one.who) for one in standing.updates),
    )


def impacted_table(
    impacted: Sequence[str], counts: Sequence[int], *, catalogue: Catalogue | None = None
) -> Table:
    """The impacted flows, with how many files of each are concerned."""
    return Table(
        title="Impacted flows",
        heads=("Flow", "Files"),
        rows=tuple(
            (named(flow, catalogue), str(number))
            for flow, number in zip(impacted, counts, strict=True)
        ),
        tones=tuple("bad" for _ in impacted),
        right=(1,),
    )
