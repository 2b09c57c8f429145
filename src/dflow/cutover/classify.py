"""Why a file was not taken: one of a few classes, each with its remedy.

In: an address, an instant, rules and the catalogue.  Out: a class.  This module reads no
journal, and changes nothing.

Version rejections are told apart from those of content: what the catalogue does not know,
what is not live yet, what has retired, and what is live and has no route.
"""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import frozen

from dflow.catalogue import Catalogue
from dflow.cutover.gate import side_of
from dflow.cutover.plan import CutoverPlan
from dflow.errors import near_misses
from dflow.exchange.journal import ArrivalRow, Outcome
from dflow.routing.selectors import version_key

__all__ = ["Classified", "Rejection", "classify", "classify_version"]


@enum.unique
class Rejection(enum.Enum):
    """Why a file was not taken."""

    UNKNOWN = "unknown flow"
    NOT_YET = "not yet live"
    RETIRED = "retired"
    NO_ROUTE = "live without a route"
    CONTENT = "content"
    BY_RULE = "refused by a rule"
    UNREADABLE = "cannot be read"


@frozen(kw_only=True)
class Classified:
    """A class, why it is that one, and what mends it.

    Attributes:
        rejection: the class.
        why: the fact that decided it.
        remedy: what to do.
    """

    rejection: Rejection
    why: str
    remedy: str


def classify(plan: CutoverPlan, row: ArrivalRow, at: datetime, catalogue: Catalogue) -> Classified:
    """Why an arrival was not taken, by how it stands in the journal (capability 39).

    Args:
        plan: whose closure says when a release's versions change.
        row: an arrival that is refused, unrouted, unreadable, or held by the check.
        at: when it arrived.
        catalogue: which flow versions there are, and their days.
    """
    if row.outcome in (Outcome.UNPARSABLE, Outcome.UNREADABLE):
        return Classified(
            rejection=Rejection.UNREADABLE,
            why=row.reason or "it has no header",
            remedy="ask the sender for the file again",
        )
    if row.outcome is Outcome.REFUSED:
        return Classified(
            rejection=Rejection.BY_RULE,
            why=row.reason or f"rule {row.rule}",
            remedy="tell the sender the address or version that the rule asks for",
        )
    if row.outcome is Outcome.HELD:
        return Classified(
            rejection=Rejection.CONTENT,
            why=row.reason or f"rule {row.rule}",
            remedy=f"correct the file, or dflow release {row.id} if it is right as it is",
        )
    flow, version = row.address.get("flow", ""), row.address.get("version", "")
    return classify_version(plan, flow, version, at, catalogue)


def classify_version(
    plan: CutoverPlan, flow: str, version: str, at: datetime, catalogue: Catalogue
) -> Classified:
    """Of the four classes of a file that no rule took, the one of this flow version."""
    if (flow, version) not in catalogue:
        return _unknown(flow, version, catalogue)
    known = f"{flow} v{version}"
    side = side_of(plan, flow, version, at)
    standing = catalogue.life(flow, version).on(at.astimezone(plan.zone).date())
    # The plan's closure is the instant at which its versions change; the catalogue knows only
    # days, and speaks for all other versions.
    starts = [one for name, one in plan.flows if name == flow]
    ours = any(version_key(version) <= version_key(one) for one in starts)
    if side == "early" or (not ours and standing.state == "announced"):
        return Classified(
            rejection=Rejection.NOT_YET,
            why=f"{known} is not live yet: {standing.why}",
            remedy=f"hold it until {plan.local(plan.closure)}, then release it"
            if side
            else "hold it until its day, or ask the sender for the version that is live",
        )
    if side == "late" or (not ours and standing.state in ("superseded", "withdrawn")):
        newer = [one for one in catalogue.versions(flow) if version_key(one) > version_key(version)]
        return Classified(
            rejection=Rejection.RETIRED,
            why=f"{known} has ended: {standing.why}",
            remedy=f"ask the sender for v{newer[0]}"
            if newer
            else "ask the sender what replaces it",
        )
    sure = "" if ours or standing.sure else "presumed "
    return Classified(
        rejection=Rejection.NO_ROUTE,
        why=f"{known} is {sure}live, and no rule takes it",
        remedy="add a route: dflow cutover plan FILE --draft writes one to review; then release",
    )


def _unknown(flow: str, version: str, catalogue: Catalogue) -> Classified:
    versions = catalogue.versions(flow)
    if versions:
        why = f"the catalogue has {flow} v{', v'.join(versions)}, and no v{version}"
        remedy = "ask the sender which version was meant; add it to the catalogue if it is new"
    else:
        near = near_misses(flow, sorted({one for one, _ in catalogue.keys}))
        why = f"the catalogue has no {flow}"
        hint = f"; near: {', '.join(near)}" if near else ""
        remedy = f"ask the sender what was meant{hint}; add it to the catalogue if it is new"
    return Classified(rejection=Rejection.UNKNOWN, why=why, remedy=remedy)
