"""Random rule sets and headers over small domains, so that they meet each other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from dflow.envelope import Header, Party
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
from dflow.routing.selectors import Operator

#: The whole small world: every header that any rule below can tell from another has a
#: fellow in here that the same rules treat in the same way.
FLOWS = ("D0001", "D0002", "D0012", "E0001", "D")
VERSIONS = ("", "001", "002", "003", "004")
ROLES = ("X", "M", "MM", "P")
MPIDS = ("AAAA", "AABB", "BBBB", "A", "CCCC")
FLAGS = ("", "OPER", "TR01", "TR02", "TEST")
APPS = ("", "EBES1", "EB", "OTHER")
DAYS = tuple(date(2019, 3, 29) + timedelta(days=n) for n in range(5))
MOMENTS = (
    *(day.isoformat() for day in DAYS),
    "2019-03-31T00:30",
    "2019-03-31T02:30",
    "2019-03-31T00:30+01:00",
    "2019-03-31T01:00Z",
)
INSTANTS = tuple(
    datetime(2019, 3, 28, 23, 30, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(220)
)
NAMES = ("a", "b", "c")
PLACES = ("live-one", "live-two", "bench", "bench-two")

flow_patterns = st.sampled_from(("D0001", "D0002", "D00*", "D*", "*", "E0001", "D0*"))
operators: SearchStrategy[Operator] = st.sampled_from(("=", ">=", "<=", ">", "<"))
version_ranges = st.none() | st.builds(
    VersionRange, operators, st.sampled_from(("001", "002", "003"))
)
role_patterns = st.sampled_from(("X", "M", "M*", "*"))
mpid_patterns = st.sampled_from(("AAAA", "AABB", "AA*", "A*", "*", "BBBB"))


def some(one: SearchStrategy[object], most: int = 3) -> SearchStrategy[tuple[object, ...]]:
    return st.lists(one, min_size=1, max_size=most, unique=True).map(tuple)


def few(one: SearchStrategy[object], most: int = 2) -> SearchStrategy[tuple[object, ...]]:
    return st.just(()) | st.lists(one, max_size=most, unique=True).map(tuple)


flow_refs = st.sampled_from((ListRef("flows"),))
flow_choices = st.none() | st.builds(
    FlowChoice,
    some(st.builds(FlowPattern, flow_patterns | flow_refs, version_ranges)),
    few(st.builds(FlowPattern, flow_patterns | flow_refs, version_ranges)),
)
party_patterns = st.builds(PartyPattern, role_patterns, mpid_patterns) | st.just(ListRef("parties"))
party_choices = st.none() | st.builds(PartyChoice, some(party_patterns), few(party_patterns))
flag_choices = st.none() | st.builds(
    WordChoice,
    some(
        st.sampled_from(
            (
                WordPattern("", "none"),
                WordPattern("OPER"),
                WordPattern("TR", "prefix"),
                WordPattern("TR01"),
                WordPattern("", "prefix"),
            )
        )
    ),
)
app_choices = st.none() | st.builds(
    WordChoice,
    some(
        st.sampled_from(
            (
                WordPattern("", "none"),
                WordPattern("EBES1"),
                WordPattern("EB", "prefix"),
                WordPattern("a b"),
            )
        )
    ),
)


@st.composite
def windows(draw: DrawFn) -> Window | None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/London")
    bounds = draw(st.lists(st.sampled_from(MOMENTS).map(Moment), max_size=2))
    if not bounds:
        return None
    if len(bounds) == 1:
        return draw(st.sampled_from((Window(start=bounds[0]), Window(end=bounds[0]))))
    start, end = sorted(bounds, key=lambda one: one.instant(zone))
    if start.instant(zone) == end.instant(zone):
        return Window(start=start)
    return Window(start=start, end=end)


@st.composite
def targets(draw: DrawFn) -> tuple[Target, ...]:
    names = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True))
    if len(names) > 1 and draw(st.booleans()):
        return (Target(names[0], names[1]), *map(Target, names[2:]))
    return tuple(map(Target, names))


@st.composite
def rules(draw: DrawFn, *, name: str, bodies: bool = False) -> Rule:
    """One rule; with `bodies`, sometimes one that asks for items."""
    kinds: tuple[RuleKind, ...] = ("route", "route", "hold", "refuse", "discard", "clone")
    kind = draw(st.sampled_from(kinds))
    sends = kind in {"route", "clone"}
    where = draw(st.booleans()) if bodies else False
    conditions = (ItemIn("J0003", ListRef("movers")),) if where else ()
    return Rule(
        kind=kind,
        name=name,
        flows=draw(flow_choices),
        sender=draw(party_choices),
        recipient=draw(party_choices),
        test=draw(flag_choices),
        sending_application=draw(app_choices),
        receiving_application=draw(st.none() | app_choices),
        window=draw(windows()),
        where=conditions,
        targets=draw(targets()) if sends else (),
        readdressed=draw(st.sampled_from((None, Party("X", "NEWS")))) if kind == "clone" else None,
        only_matching=draw(st.booleans()) if kind == "clone" and where else False,
        across_test=draw(st.booleans()) if sends else False,
        because=draw(texts),
        owner=draw(texts),
        comments=draw(comments),
    )


_PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
texts = st.just("") | st.text(_PRINTABLE, max_size=8)
odd_words = st.text(_PRINTABLE, min_size=1, max_size=8)
comment_lines = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"), exclude_characters="#"),
    min_size=1,
    max_size=8,
)
comments = st.just(()) | st.lists(comment_lines, max_size=2).map(tuple)


@st.composite
def rule_sets(draw: DrawFn, *, most: int = 6, bodies: bool = False) -> Routes:
    """A whole rule set; every name in it is defined."""
    count = draw(st.integers(0, most))
    values = draw(st.lists(st.sampled_from(("D0001", "D0012", "E*")), min_size=1, unique=True))
    parties = draw(st.lists(st.sampled_from(("X/AAAA", "M/*", "*")), min_size=1, unique=True))
    odd = draw(st.lists(odd_words, min_size=1, max_size=3, unique=True))
    return Routes(
        timezone=draw(st.sampled_from(("", "Europe/London", "Asia/Kolkata")))
        if not bodies
        else "Europe/London",
        destinations=tuple(
            Destination(
                name=name, title=draw(texts), test=name.startswith("bench"), comments=draw(comments)
            )
            for name in PLACES
        ),
        lists=(
            ValueList(name="flows", values=tuple(values), comments=draw(comments)),
            ValueList(name="parties", values=tuple(parties)),
            ValueList(name="movers", values=("1212345678902",)),
            ValueList(name="odd", values=tuple(odd)),
        ),
        rules=tuple(draw(rules(name=f"rule-{number}", bodies=bodies)) for number in range(count)),
        closing=draw(comments),
    )


parties = st.builds(Party, st.sampled_from(ROLES), st.sampled_from(MPIDS))
headers = st.builds(
    Header,
    flow=st.sampled_from(FLOWS),
    version=st.sampled_from(VERSIONS),
    sender=parties,
    recipient=parties,
    test_flag=st.sampled_from(FLAGS),
    sending_application=st.sampled_from(APPS),
    receiving_application=st.sampled_from(APPS),
)
instants = st.sampled_from(INSTANTS)
