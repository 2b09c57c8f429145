"""Lint by brute force: every header of a small world, held against every rule.

Knows nothing of rows, boxes or covers; it asks the plain reading of each clause about
concrete values, and keeps the answers as the bits of one integer a rule.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

from dflow.envelope import Party
from dflow.routing import (
    Destination,
    FlowChoice,
    FlowPattern,
    ItemIn,
    ListRef,
    Moment,
    PartyChoice,
    PartyPattern,
    Routes,
    Rule,
    RuleKind,
    Target,
    ValueList,
    VersionRange,
    Window,
    WordChoice,
    WordPattern,
)
from dflow.routing.match import flag_fits, flow_fits, party_fits
from dflow.routing.resolve import ReadyRule
from dflow.routing.selectors import Operator

# Each row of values has a fellow for every cell that the rules below can tell apart.
FLOWS = ("D0001", "D0002", "D00~", "~")
VERSIONS = ("", "001", "002", "003", "004")
RECIPIENTS = tuple(Party(role, mpid) for role in ("X", "~") for mpid in ("AAAA", "AA~", "~"))
SENDERS = RECIPIENTS
FLAGS = ("", "OPER", "TR01", "TR~", "~")
DAYS = ("2019-06-01", "2019-06-02", "2019-06-03", "2019-07-01")
INSTANTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in ("2019-05-01", "2019-06-01", "2019-06-02", "2019-06-03", "2019-07-01")
)
#: Whether "J0003 in few" and "J0003 in many" hold; few is a part of many.
TRUTHS = ((False, False), (False, True), (True, True))


def random_rules(seed: int) -> Routes:
    """A rule set of up to six rules, drawn from a small stock of clauses."""
    draw = random.Random(seed)
    kinds: tuple[RuleKind, ...] = ("route", "route", "hold", "refuse", "clone")
    rules = []
    for number in range(draw.randint(1, 6)):
        kind = draw.choice(kinds)
        sends = kind in {"route", "clone"}
        rules.append(
            Rule(
                kind=kind,
                name=f"rule-{number}",
                flows=_flows(draw),
                sender=_parties(draw) if draw.random() < 0.2 else None,
                recipient=_parties(draw),
                test=_flags(draw),
                window=_window(draw),
                where=_where(draw),
                targets=_targets(draw) if sends else (),
                across_test=sends and draw.random() < 0.3,
                readdressed=draw.choice((None, Party("X", "AAAA"), Party("X", "AAB")))
                if kind == "clone"
                else None,
            )
        )
    return Routes(
        timezone="UTC",
        destinations=(
            Destination(name="live"),
            Destination(name="other"),
            Destination(name="bench", test=True),
        ),
        lists=(ValueList(name="few", values=("1",)), ValueList(name="many", values=("1", "2"))),
        rules=tuple(rules),
    )


def _flows(draw: random.Random) -> FlowChoice | None:
    operators: tuple[Operator, ...] = ("=", ">=", "<=", ">", "<")

    def one() -> FlowPattern:
        versions = None
        if draw.random() < 0.5:
            versions = VersionRange(draw.choice(operators), draw.choice(("001", "002", "003")))
        return FlowPattern(draw.choice(("D0001", "D0002", "D00*", "*")), versions)

    if draw.random() < 0.25:
        return None
    include = tuple(one() for _ in range(draw.randint(1, 2)))
    return FlowChoice(include, (one(),) if draw.random() < 0.2 else ())


def _parties(draw: random.Random) -> PartyChoice | None:
    def one() -> PartyPattern:
        return PartyPattern(draw.choice(("X", "*")), draw.choice(("AAAA", "AA*", "*")))

    if draw.random() < 0.4:
        return None
    include = tuple(one() for _ in range(draw.randint(1, 2)))
    return PartyChoice(include, (one(),) if draw.random() < 0.25 else ())


def _flags(draw: random.Random) -> WordChoice | None:
    words = (
        WordPattern("", "none"),
        WordPattern("OPER"),
        WordPattern("TR", "prefix"),
        WordPattern("TR01"),
    )
    if draw.random() < 0.6:
        return None
    return WordChoice(tuple(draw.sample(words, draw.randint(1, 2))))


def _window(draw: random.Random) -> Window | None:
    if draw.random() < 0.4:
        return None
    start, end = sorted(draw.sample(DAYS, 2))
    return draw.choice(
        (
            Window(start=Moment(start), end=Moment(end)),
            Window(start=Moment(start)),
            Window(end=Moment(end)),
        )
    )


def _where(draw: random.Random) -> tuple[ItemIn, ...]:
    if draw.random() < 0.8:
        return ()
    return (ItemIn("J0003", ListRef(draw.choice(("few", "many")))),)


def _targets(draw: random.Random) -> tuple[Target, ...]:
    return draw.choice(
        ((Target("live"),), (Target("other"),), (Target("bench"),), (Target("live", "bench"),))
    )


def _mask(*dimensions: Sequence[bool]) -> int:
    """The bits of all points at which every dimension holds."""
    bits, size = 1, 1
    for dimension in dimensions:
        bits = sum(bits << (place * size) for place, holds in enumerate(dimension) if holds)
        size *= len(dimension)
    return bits


def masks(ready: ReadyRule, *, timeless: bool = False, bodiless: bool = False) -> int:
    """The points of the small world that fit a rule."""
    wanted = {one.values.name for one in ready.rule.where}
    truths = [
        bodiless or not (("few" in wanted and not few) or ("many" in wanted and not many))
        for few, many in TRUTHS
    ]
    flags = [
        (ready.rule.test is None or flag_fits(ready.rule.test, flag))
        and (ready.live if flag in {"", "OPER"} else ready.tests)
        for flag in FLAGS
    ]
    return _mask(
        [
            ready.flows is None or flow_fits(ready.flows, flow, version)
            for flow, version in product(FLOWS, VERSIONS)
        ],
        [ready.sender is None or party_fits(ready.sender, one) for one in SENDERS],
        flags,
        truths,
        [timeless or at in ready.span for at in INSTANTS],
        [ready.recipient is None or party_fits(ready.recipient, one) for one in RECIPIENTS],
    )


#: How many points share one recipient: recipients are the outermost dimension.
_INNER = len(FLOWS) * len(VERSIONS) * len(SENDERS) * len(FLAGS) * len(TRUTHS) * len(INSTANTS)


def _same(one: Rule, two: Rule) -> bool:
    return (one.kind, one.targets, one.across_test) == (two.kind, two.targets, two.across_test)


Told = set[tuple[str, str, tuple[str, ...]]]


def dead_and_crossing(routes: Routes) -> Told:
    """Empty selectors, rules that never fire, and conflicts."""
    told: Told = set()
    earlier: list[tuple[Rule, int]] = []
    taken = 0
    for ready in routes.ready:
        rule, mine = ready.rule, masks(ready)
        if not mine:
            told.add(("empty-selector", rule.name, ()))
        elif rule.kind != "clone":
            if not mine & ~taken:
                told.add(("dead", rule.name, ()))
            else:
                for other, theirs in earlier:
                    crossing = mine & theirs and mine & ~theirs and theirs & ~mine
                    if crossing and not _same(rule, other):
                        told.add(("conflict", rule.name, (other.name,)))
            earlier.append((rule, mine))
            taken |= mine
    return told


def blocks(routes: Routes, name: str, others: Sequence[str]) -> bool:
    """Whether these rules alone leave nothing to that one."""
    by_name = {ready.rule.name: masks(ready) for ready in routes.ready}
    taken = 0
    for other in others:
        taken |= by_name[other]
    return not by_name[name] & ~taken


def gaps(routes: Routes) -> Told:
    """Pairs of rules with a day or less between them that nothing surely takes."""
    told: Told = set()
    primary = [ready for ready in routes.ready if ready.rule.kind != "clone" and masks(ready)]
    sure = 0
    for ready in primary:
        sure |= masks(ready) if ready.closed else 0
    for one, two in product(primary, primary):
        end, start = one.span.end, two.span.start
        if end is None or start is None or not end < start <= end + timedelta(hours=25):
            continue
        shared = masks(one, timeless=True, bodiless=True) & masks(two, timeless=True, bodiless=True)
        hole = _mask(
            *([True] * len(d) for d in (range(20), SENDERS, FLAGS, TRUTHS)),
            [end <= at < start for at in INSTANTS],
            [True] * len(RECIPIENTS),
        )
        if shared & hole & ~sure:
            told.add(("window-gap", one.rule.name, (two.rule.name,)))
    return told


def rings(routes: Routes) -> set[str]:
    """The clones that are the first of a ring of themselves and later clones."""
    clones = [one for one in routes.ready if one.rule.readdressed is not None]
    found: set[str] = set()
    # A copy's recipient is a value of RECIPIENTS but for AAB, which is a fellow of AA~.
    place = {
        Party("X", "AAAA"): RECIPIENTS.index(Party("X", "AAAA")),
        Party("X", "AAB"): RECIPIENTS.index(Party("X", "AA~")),
    }
    inner = {id(one): _slices(masks(one, bodiless=False)) for one in clones}
    for number, first in enumerate(clones):
        later = clones[number:]
        for path in _paths(first, later):
            left = -1
            for source, reached in zip(path, [*path[1:], first], strict=True):
                to = source.rule.readdressed
                assert to is not None
                left &= inner[id(reached)][place[to]]
            left &= _any(inner[id(first)])
            if left:
                found.add(first.rule.name)
    return found


def _paths(first: ReadyRule, later: Sequence[ReadyRule]) -> Iterator[list[ReadyRule]]:
    stack = [[first]]
    while stack:
        path = stack.pop()
        yield path
        stack.extend([*path, one] for one in later if one not in path)


def _slices(mask: int) -> list[int]:
    """For each recipient, the points without it."""
    return [(mask >> (place * _INNER)) & ((1 << _INNER) - 1) for place in range(len(RECIPIENTS))]


def _any(slices: Sequence[int]) -> int:
    bits = 0
    for one in slices:
        bits |= one
    return bits
