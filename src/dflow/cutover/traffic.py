"""Made-up traffic for a rehearsal: each flow version, on both sides of the closure.

In: a plan, the coverage of its release.  Out: files with the instant at which each
arrives, and what is expected of it.  This module sends nothing.

Files of versions whose structure is not known have no body: the rules look at the
address.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Literal

from attrs import field, frozen

from dflow.catalogue import Catalogue
from dflow.cutover.plan import CutoverPlan
from dflow.envelope import Header, Party, Trailer
from dflow.routing import PartyPattern
from dflow.routing.coverage import CoverageLine

__all__ = ["Sample", "traffic"]

#: What a rehearsal expects of a file: that it reaches its recipient; that it reaches it
#: unless nothing ever routed it; that it is refused; that it is classified; nothing.
_Wish = Literal["delivered", "as before", "refused", "unknown", "kept"]

#: Stands for a participant that the plan does not name.
_SOMEBODY = "ZZZZ"


@frozen(kw_only=True)
class Sample:
    """One made-up file.

    Attributes:
        at: when it arrives.
        flow: flow and version, such as ``D0217 v002``.
        what: which side of the closure it is stamped for, and on which it comes.
        wish: what is expected of it.
        file_id: its file identifier, unique in a rehearsal.
        content: the bytes.
    """

    at: datetime
    flow: str
    what: str
    wish: _Wish
    file_id: str
    content: bytes = field(repr=False)


def traffic(
    plan: CutoverPlan, lines: tuple[CoverageLine, ...], catalogue: Catalogue
) -> list[Sample]:
    """The files of a rehearsal, oldest first; the same plan gives the same files."""
    numbers = count(1)
    made = [
        *_release(plan, lines, catalogue, numbers),
        *_repointed(plan, catalogue, numbers),
        *_strange(plan, numbers),
    ]
    return sorted(made, key=lambda one: (one.at, one.file_id))


def _release(
    plan: CutoverPlan, lines: tuple[CoverageLine, ...], catalogue: Catalogue, numbers: Iterator[int]
) -> Iterator[Sample]:
    closes, minute = plan.closure, timedelta(minutes=1)
    told: set[tuple[str, str, Party, Party]] = set()
    for number, line in enumerate(one for one in lines if one.key in plan.flows):
        other = _other_side(plan, line, catalogue)
        pair = (line.party, other) if line.direction == "send" else (other, line.party)
        key = (line.flow, line.version, *pair)
        if key in told:
            continue
        told.add(key)
        apart = number * timedelta(seconds=20)
        new, old = f"{line.flow} v{line.version}", f"{line.flow} v{line.older}"
        for at, version, what, wish in (
            (closes - 120 * minute, line.version, f"{new}, too early", "delivered"),
            (closes + 30 * minute, line.version, f"{new}, in time", "delivered"),
            (closes - 60 * minute, line.older, f"{old}, in time", "as before"),
            (closes + 45 * minute, line.older, f"{old}, too late", "kept"),
        ):
            if version:
                yield _sample(
                    plan,
                    at + apart,
                    (line.flow, version),
                    pair,
                    what=what,
                    wish="delivered" if wish == "delivered" else _older_wish(wish, line),
                    number=next(numbers),
                )


def _older_wish(wish: str, line: CoverageLine) -> _Wish:
    if wish == "as before":
        return "as before" if line.older_rules else "kept"
    return "kept"


def _other_side(plan: CutoverPlan, line: CoverageLine, catalogue: Catalogue) -> Party:
    """Who sends or receives the other end: of the plan if one may, else somebody."""
    codes = _other_codes(line, catalogue)
    for party in plan.parties:
        if party != line.party and party.role in codes:
            return party
    if codes:
        return Party(codes[0], _SOMEBODY)
    others = [party for party in plan.parties if party.role != line.party.role]
    return others[0] if others else Party(line.party.role, _SOMEBODY)


def _other_codes(line: CoverageLine, catalogue: Catalogue) -> list[str]:
    """The role codes that the catalogue knows for the other end, of any version of the flow."""
    known = catalogue.roles.known
    for version in (line.version, *catalogue.versions(line.flow)):
        definition = catalogue.get(line.flow, version)
        found: list[str] = []
        for route in definition.routes if definition else ():
            mine, theirs = route.recipient, route.sender
            if line.direction == "send":
                mine, theirs = theirs, mine
            if mine in known and line.party.role in known[mine].codes and theirs in known:
                found += known[theirs].codes
        if found:
            return found
    return []


def _repointed(plan: CutoverPlan, catalogue: Catalogue, numbers: Iterator[int]) -> Iterator[Sample]:
    hour = timedelta(hours=1)
    for one in plan.repoints:
        versions = catalogue.versions(one.flow)
        starts = [version for flow, version in plan.flows if flow == one.flow]
        before = next((v for v in reversed(versions) if not starts or v < starts[0]), versions[0])
        after = starts[0] if starts else before
        sender = Party("M", _SOMEBODY)
        wishes: tuple[tuple[datetime, str, PartyPattern, str, _Wish], ...] = (
            (min(one.at, plan.closure) - 3 * hour, before, one.old, "at the old address", "kept"),
            (max(one.at, plan.closure) + hour, after, one.old, "at the old address", "refused"),
        )
        if one.deliver:
            at = max(one.at, plan.closure) + 2 * hour
            wishes += ((at, after, one.new, "at the new address", "delivered"),)
        for at, version, to, where, wish in wishes:
            recipient = Party(
                to.role.replace("*", "") or "L",
                to.mpid if "*" not in to.mpid else _known_mpid(plan, to),
            )
            yield _sample(
                plan,
                at,
                (one.flow, version),
                (sender, recipient),
                what=f"{one.flow} v{version}, {where}",
                wish=wish,
                number=next(numbers),
            )


def _known_mpid(plan: CutoverPlan, pattern: PartyPattern) -> str:
    return next((one.mpid for one in plan.parties if pattern.matches(one)), _SOMEBODY)


def _strange(plan: CutoverPlan, numbers: Iterator[int]) -> Iterator[Sample]:
    """A flow that nobody knows: it has to be told as such."""
    for party in plan.parties[:1]:
        yield _sample(
            plan,
            plan.closure + timedelta(hours=1),
            ("D9999", "001"),
            (party, Party("Z", _SOMEBODY)),
            what="D9999 v001, which no catalogue has",
            wish="unknown",
            number=next(numbers),
        )


def _sample(
    plan: CutoverPlan,
    at: datetime,
    key: tuple[str, str],
    pair: tuple[Party, Party],
    *,
    what: str,
    wish: _Wish,
    number: int,
) -> Sample:
    created = f"{at.astimezone(plan.zone):%Y%m%d%H%M%S}"
    file_id = f"R{number:09d}"
    header = Header(
        flow=key[0],
        version=key[1],
        sender=pair[0],
        recipient=pair[1],
        file_id=file_id,
        created=created,
        test_flag="OPER",
    )
    trailer = Trailer(file_id=file_id, group_count=0, flow_count=0, completed=created)
    return Sample(
        at=at,
        flow=f"{key[0]} v{key[1]}",
        what=what,
        wish=wish,
        file_id=file_id,
        content=header.encode() + b"\n" + trailer.encode() + b"\n",
    )
