"""Allocation: who may begin how many migrations on which day.

In: requests, and a plan's limits.  Out: volumes that fit, and what each request got.
This module decides by the method it is given and by nothing else.

First come first served is the default: requests are taken in the order they were
received, and each is filled from its earliest day on.  A method is a function; two
shapes exist.  An *order* says which request is filled before which.  A *sharing* divides
a day's room among all that still want some.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from attrs import define, field, frozen

from dflow.errors import RefusedText, TextFault
from dflow.migration.limits import Limit
from dflow.migration.plan import Plan
from dflow.migration.volumes import Volumes, rows_of

__all__ = [
    "METHODS",
    "Allocation",
    "Grant",
    "Method",
    "Request",
    "Sharing",
    "allocate",
    "read_requests",
]


@frozen(kw_only=True)
class Request:
    """A supplier asks for migrations on a network.

    Attributes:
        received: when it came in, with an offset.
        supplier: MPID.
        network: identifier.
        wanted: how many.
        earliest: first day; the plan's if None.
        latest: last day, included; the plan's if None.
    """

    received: datetime
    supplier: str
    network: str
    wanted: int
    earliest: date | None = None
    latest: date | None = None


@frozen(kw_only=True)
class Grant:
    """What a request got."""

    request: Request
    granted: int
    first: date | None
    last: date | None

    @property
    def unmet(self) -> int:
        """How many it did not get."""
        return self.request.wanted - self.granted


@frozen(kw_only=True)
class Allocation:
    """What all requests got.

    Attributes:
        method: by which method.
        grants: in the order of the requests.
        volumes: by day; they fit the plan's limits by construction.
    """

    method: str
    grants: tuple[Grant, ...]
    volumes: Volumes = field(repr=False)

    @property
    def unmet(self) -> int:
        """How many were not granted."""
        return sum(grant.unmet for grant in self.grants)

    @property
    def last(self) -> date | None:
        """The day on which the last migration begins."""
        return max((one.last for one in self.grants if one.last is not None), default=None)


#: Divides a day's room among wants; the sum of the shares is at most the room.
Sharing = Callable[[int, Sequence[int]], list[int]]


@frozen
class Method:
    """A method of allocation: an order of requests, or a sharing of each day.

    Attributes:
        name: as plans call it.
        meaning: one sentence.
        order: the key by which requests are sorted; for orders.
        share: for sharings.
    """

    name: str
    meaning: str
    order: Callable[[Request, random.Random], object] | None = None
    share: Sharing | None = None


def _in_proportion(room: int, wants: Sequence[int]) -> list[int]:
    whole = sum(wants)
    if whole <= room:
        return list(wants)
    shares = [room * want // whole for want in wants]
    # What rounding left over goes to the largest remainders, the first first.
    rests = sorted(range(len(wants)), key=lambda n: (-(room * wants[n] % whole), n))
    for number in rests[: room - sum(shares)]:
        shares[number] += 1
    return shares


def _in_equal_parts(room: int, wants: Sequence[int]) -> list[int]:
    """Everyone the same, as far as wanted: the smallest wants are met first."""
    shares = [0] * len(wants)
    left = sorted(range(len(wants)), key=lambda n: (wants[n], n))
    while left and room:
        part = max(1, room // len(left))
        number = left.pop(0)
        shares[number] = min(wants[number], part, room)
        room -= shares[number]
    return shares


#: The methods there are.
METHODS: dict[str, Method] = {
    one.name: one
    for one in (
        Method(
            "first come first served",
            "in the order in which requests were received",
            order=lambda request, _chance: request.received,
        ),
        Method(
            "lottery", "in an order drawn by chance", order=lambda _request, chance: chance.random()
        ),
        Method(
            "largest first",
            "in the order of size; shown for comparison, it favours size",
            order=lambda request, _chance: -request.wanted,
        ),
        Method(
            "in proportion", "each day in proportion to what is still wanted", share=_in_proportion
        ),
        Method(
            "in equal parts", "each day the same for each, as far as wanted", share=_in_equal_parts
        ),
    )
}


@define(eq=False)
class _Room:
    """What is left, by day: of the industry, the networks and the suppliers."""

    industry: list[int]
    networks: Mapping[str, list[int]]
    suppliers: Mapping[str, list[int]]

    def left(self, request: Request, day: int) -> int:
        return min(self.industry[day], self.own(request, day))

    def own(self, request: Request, day: int) -> int:
        """What the request's own network and supplier leave, whatever the industry does."""
        return min(self.networks[request.network][day], self.suppliers[request.supplier][day])

    def take(self, request: Request, day: int, number: int) -> None:
        self.industry[day] -= number
        self.networks[request.network][day] -= number
        self.suppliers[request.supplier][day] -= number


_ANY = 1 << 60


def _room(plan: Plan) -> _Room:
    def days(limit: Limit) -> list[int]:
        return [_ANY if one is None else one for one in limit.over(plan.days, plan.calendar)]

    suppliers = {}
    for mpid, supplier in plan.suppliers.items():
        room = days(plan.opens(mpid))
        for number, day in enumerate(plan.days):
            sprint = plan.sprint_on(day) if plan.sprints else None
            if sprint and sprint.tranches and supplier.tranche not in sprint.tranches:
                room[number] = 0
        suppliers[mpid] = room
    industry = days(plan.industry)
    return _Room(industry, {name: days(one) for name, one in plan.networks.items()}, suppliers)


def allocate(
    plan: Plan,
    requests: Sequence[Request],
    method: str | Method = "first come first served",
    *,
    seed: int = 0,
) -> Allocation:
    """Fill requests within a plan's limits; the same seed gives the same draw.

    Raises:
        KeyError: no such method, or a party that the plan does not know.
    """
    chosen = METHODS[method] if isinstance(method, str) else method
    room = _room(plan)
    volumes = Volumes(plan.start, len(plan.days))
    got: list[array[int]] = [array("q", bytes(8 * volumes.days)) for _ in requests]
    spans = [_span(plan, one) for one in requests]
    if chosen.order is not None:
        chance = random.Random(seed)  # noqa: S311  a draw that can be repeated
        keys = [chosen.order(one, chance) for one in requests]
        for number in sorted(range(len(requests)), key=lambda n: (keys[n], n)):
            _fill(requests[number], spans[number], room, got[number])
    elif chosen.share is not None:
        _divide(requests, spans, room, got, chosen.share)
    for request, row in zip(requests, got, strict=True):
        cell = volumes.row(request.supplier, request.network)
        for day, number in enumerate(row):
            if number:
                cell[day] += number
    days = plan.days
    grants = tuple(_grant(one, row, days) for one, row in zip(requests, got, strict=True))
    return Allocation(method=chosen.name, grants=grants, volumes=volumes)


def _span(plan: Plan, request: Request) -> range:
    first = max(0, ((request.earliest or plan.start) - plan.start).days)
    last = min(len(plan.days), ((request.latest or plan.end) - plan.start).days + 1)
    return range(first, last)


def _fill(request: Request, span: range, room: _Room, row: array[int]) -> None:
    left = request.wanted
    for day in span:
        if not left:
            return
        number = min(left, room.left(request, day))
        if number > 0:
            room.take(request, day, number)
            row[day] = number
            left -= number


def _divide(
    requests: Sequence[Request],
    spans: Sequence[range],
    room: _Room,
    got: Sequence[array[int]],
    share: Sharing,
) -> None:
    left = [one.wanted for one in requests]
    for day in range(len(room.industry)):
        while room.industry[day] > 0:
            active = [
                n
                for n, span in enumerate(spans)
                if left[n] and day in span and room.left(requests[n], day) > 0
            ]
            wants = [min(left[n], room.own(requests[n], day)) for n in active]
            taken = 0
            for n, part in zip(active, share(room.industry[day], wants), strict=True):
                number = min(part, room.left(requests[n], day))
                room.take(requests[n], day, number)
                got[n][day] += number
                left[n] -= number
                taken += number
            if not taken:
                break


def _grant(request: Request, row: array[int], days: Sequence[date]) -> Grant:
    used = [n for n, number in enumerate(row) if number]
    return Grant(
        request=request,
        granted=sum(row),
        first=days[used[0]] if used else None,
        last=days[used[-1]] if used else None,
    )


_HEADS = {
    "received": True,
    "supplier": True,
    "network": True,
    "wanted": True,
    "earliest": False,
    "latest": False,
}


def read_requests(path: Path) -> tuple[Request, ...]:
    """Read ``received,supplier,network,wanted[,earliest,latest]``.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake and its line.
    """
    from dflow.errors import DflowError
    from dflow.operation import instant_from

    requests: list[Request] = []
    faults: list[TextFault] = []
    for line, row in rows_of(path, _HEADS):
        try:
            one = Request(
                received=instant_from(row["received"]),
                supplier=row["supplier"],
                network=row["network"],
                wanted=int(row["wanted"]),
                earliest=date.fromisoformat(row["earliest"]) if row.get("earliest") else None,
                latest=date.fromisoformat(row["latest"]) if row.get("latest") else None,
            )
            if one.wanted < 0 or (one.earliest and one.latest and one.latest < one.earliest):
                raise ValueError("it wants less than nothing")  # noqa: TRY301  told with the others
        except (ValueError, DflowError) as error:
            faults.append(TextFault(source=str(path), line=line, column=0, message=str(error)))
            continue
        requests.append(one)
    if faults:
        raise RefusedText(faults)
    return tuple(requests)
