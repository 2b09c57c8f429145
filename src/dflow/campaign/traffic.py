"""Made-up traffic about a portfolio: what a rehearsal, an example and a test let arrive.

In: a campaign, meter points, a stretch of days, a seed.  Out: files with the day on which
each arrives; the same call gives the same bytes.  Nothing here is a procedure of the
market: flows come in a made-up order, so that every meter point has its details in the end.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.catalogue import FlowDef, bundled
from dflow.envelope import Header, Party
from dflow.errors import StructureError
from dflow.generator import GeneratedFile, generate
from dflow.generator.plan import plan_flow

__all__ = ["Made", "made_up_points", "made_up_traffic"]

#: Flows that are let pass where a scope names none: one or two of each class.
_OTHERS = ("D0010", "D0142", "D0151", "D0155")
#: Of the flows that complete no meter point, one meter point in so many has one.
_ONE_IN = 8
#: The made-up party at the other end, in every role.
_OTHER_END = "ZZMU"
_PROBE = Header(
    flow="D0010",
    version="002",
    sender=Party("X", _OTHER_END),
    recipient=Party("X", _OTHER_END),
    file_id="0",
    created="20260101060000",
)


@frozen(kw_only=True)
class Made:
    """A file that arrives.

    Attributes:
        day: when.
        name: its name.
        content: its bytes.
        copied: whether it is of the campaign's scope.
    """

    day: date
    name: str
    content: bytes
    copied: bool


def made_up_points(number: int) -> tuple[str, ...]:
    """So many made-up meter points with right check digits."""
    from dflow.generator.values import mpan

    return tuple(mpan(0x5EED0000 + at) for at in range(number))


def made_up_traffic(
    campaign: Campaign,
    points: Sequence[str],
    *,
    start: date,
    days: int,
    seed: int = 1,
    batch: int = 10,
) -> Iterator[Made]:
    """Files about the meter points, by day; every one has what completes it in the end.

    Args:
        campaign: whose scope it is.
        points: the meter points.
        start: the first day.
        days: over how many days.
        seed: of chance.
        batch: at most so many meter points a file.
    """
    chance = random.Random(seed)  # noqa: S311  made-up files that can be made again
    known = bundled()
    groups = campaign.complete_when or (("D0150",),)
    needed = tuple(chance.choice(group) for group in groups)
    flows = campaign.flows or (*needed, *_OTHERS)
    by_day: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for point in points:
        for group in groups:
            there = [one for one in group if one in flows and _shape(one)]
            by_day[chance.randrange(days)].append((chance.choice(there), point))
        for flow in flows:
            if not any(flow in group for group in groups) and chance.randrange(_ONE_IN) == 0:
                by_day[chance.randrange(days)].append((flow, point))
    number = seed * 1_000_000
    for day in range(days):
        about: dict[str, list[str]] = defaultdict(list)
        for flow, point in by_day[day]:
            about[flow].append(point)
        for flow, some in about.items():
            shape = _shape(flow)
            if shape is None:
                continue
            definition = known[shape]
            for at in range(0, len(some), batch):
                for chunk in _chunks(definition, some[at : at + batch]):
                    number += 1
                    yield from _files(
                        campaign, definition, chunk, day=start + timedelta(days=day), number=number
                    )


@lru_cache(maxsize=256)
def _shape(flow: str) -> tuple[str, str] | None:
    """The newest version of a flow that files can be made of."""
    known = bundled()
    versions = [version for code, version in known.keys if code == flow]
    for version in reversed(versions):
        if known[flow, version].structured:
            return flow, version
    return None


def _chunks(definition: FlowDef, points: list[str]) -> Iterator[list[str]]:
    """Meter points a file: one each, where a file holds one instance."""
    try:
        probe = GeneratedFile(definition=definition, header=_PROBE, count=2)
        next(iter(generate(probe)), b"")
    except StructureError:
        yield from ([one] for one in points)
    else:
        yield points


def _header(
    definition: FlowDef,
    sender: Party,
    recipient: Party,
    day: date,
    number: int,
) -> Header:
    return Header(
        flow=definition.flow,
        version=definition.version,
        sender=sender,
        recipient=recipient,
        file_id=f"{number % 10**10:010d}",
        created=f"{day:%Y%m%d}060000",
        test_flag="OPER",
    )


def _files(
    campaign: Campaign, definition: FlowDef, points: list[str], *, day: date, number: int
) -> Iterator[Made]:
    """A file of the scope, and, if it asks for an answer, mostly the answer."""
    party = campaign.parties[number % len(campaign.parties)]
    sends = campaign.direction == "sent"
    side, other = (0, 1) if sends else (1, 0)
    pairs = plan_flow(definition, bundled().roles).roles
    pair = next((one for one in pairs if one[side] == party.role), ("X", "X"))
    end = Party(pair[other], _OTHER_END)
    sender, recipient = (party, end) if sends else (end, party)
    header = _header(definition, sender, recipient, day, number)
    yield _made(definition, header, points, copied=True)
    answers = [one for one in campaign.pairs.pairs if one.flow == definition.flow]
    if not answers or number % 5 == 0:
        return
    shape = _shape(answers[0].answers[0])
    if shape is None:
        return
    answering, later = bundled()[shape], day + timedelta(days=1)
    for place, chunk in enumerate(_chunks(answering, points)):
        back = _header(answering, recipient, sender, later, 50_000_000 * (place + 1) + number)
        yield _made(answering, back, chunk, copied=False)


def _made(definition: FlowDef, header: Header, points: list[str], *, copied: bool) -> Made:
    wanted = GeneratedFile(
        definition=definition,
        header=header,
        count=len(points),
        seed=int(header.file_id),
        mpans=points,
    )
    name = f"{definition.flow}_{header.sender.mpid}_{header.file_id}.usr"
    made = header.created_at
    return Made(
        day=made.date() if made else date.min,
        name=name,
        content=b"".join(generate(wanted)),
        copied=copied,
    )
