"""Strategies for rules, rule sets, releases and arrivals.

In: a catalogue.  Out: strategies of values that `dflow.routing` and `dflow.exchange`
take.  This module does not decide anything.

The rules speak of a small world, so that they overlap, shadow and contradict each
other: that is where faults are.
"""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from dflow.catalogue import Catalogue, Release, bundled
from dflow.envelope import Party
from dflow.generator.words import PARTICIPANTS
from dflow.routing import (
    Destination,
    FlowChoice,
    FlowPattern,
    Moment,
    PartyChoice,
    PartyPattern,
    Routes,
    Rule,
    RuleKind,
    Target,
    VersionRange,
    Window,
    WordChoice,
    WordPattern,
)
from dflow.transport import Arrival

__all__ = ["DESTINATIONS", "arrivals", "releases", "rule_sets", "rules"]

#: The destinations of the rule sets; those that end with ``test`` are marked so.
DESTINATIONS = ("one", "two", "one-test", "two-test")

_FLOWS = ("D0010", "D0150", "D0086", "D0217", "D0149", "D0*", "*")
_ROLES = ("X", "M", "D", "P", "*")
_KINDS: tuple[RuleKind, ...] = ("route", "route", "route", "hold", "refuse", "discard", "clone")
_FIRST = date(2020, 1, 1)


def _flow_choices() -> SearchStrategy[FlowChoice | None]:
    versions = st.none() | st.builds(
        VersionRange, st.sampled_from(("=", ">=", "<=")), st.sampled_from(("001", "002", "003"))
    )
    pattern = st.builds(FlowPattern, st.sampled_from(_FLOWS), versions)
    several = st.lists(pattern, min_size=1, max_size=3, unique=True).map(tuple)
    return st.none() | st.builds(FlowChoice, several)


def _party_choices() -> SearchStrategy[PartyChoice | None]:
    names = st.sampled_from((*PARTICIPANTS, "*", "*"))
    pattern = st.builds(PartyPattern, st.sampled_from(_ROLES), names)
    several = st.lists(pattern, min_size=1, max_size=2, unique=True).map(tuple)
    without = st.just(()) | st.lists(pattern, max_size=1).map(tuple)
    return st.none() | st.builds(PartyChoice, several, without)


_FLAGS = st.none() | st.builds(
    WordChoice,
    st.sampled_from(
        (
            (WordPattern("", "none"),),
            (WordPattern("OPER"),),
            (WordPattern("TR", "prefix"),),
            (WordPattern("TEST"), WordPattern("TR01")),
        )
    ),
)


@st.composite
def _windows(draw: DrawFn) -> Window | None:
    """No window, or one that begins, ends, or does both at midnight in the years 2020 to 2030."""
    days = sorted(draw(st.lists(st.integers(0, 3650), max_size=2, unique=True)))
    moments = [Moment((_FIRST + timedelta(days=day)).isoformat()) for day in days]
    if not moments:
        return None
    if len(moments) == 1:
        return Window(start=moments[0]) if draw(st.booleans()) else Window(end=moments[0])
    return Window(start=moments[0], end=moments[1])


@st.composite
def _targets(draw: DrawFn) -> tuple[Target, ...]:
    names = draw(st.lists(st.sampled_from(DESTINATIONS), min_size=1, max_size=3, unique=True))
    if len(names) > 1 and draw(st.booleans()):
        return (Target(names[0], names[1]), *map(Target, names[2:]))
    return tuple(map(Target, names))


@st.composite
def rules(draw: DrawFn, name: str = "rule") -> Rule:
    """One rule of any kind, over the destinations of `DESTINATIONS`."""
    kind = draw(st.sampled_from(_KINDS))
    sends = kind in {"route", "clone"}
    copied = kind == "clone" and draw(st.booleans())
    return Rule(
        kind=kind,
        name=name,
        flows=draw(_flow_choices()),
        sender=draw(_party_choices()),
        recipient=draw(_party_choices()),
        test=draw(_FLAGS),
        window=draw(_windows()),
        targets=draw(_targets()) if sends else (),
        readdressed=Party("X", "NEWS") if copied else None,
        across_test=draw(st.booleans()) if sends else False,
    )


@st.composite
def rule_sets(draw: DrawFn, *, most: int = 6) -> Routes:
    """Whole rule sets of up to `most` rules; every destination they name is defined."""
    count = draw(st.integers(0, most))
    return Routes(
        timezone="Europe/London",
        destinations=tuple(
            Destination(name=name, test=name.endswith("test")) for name in DESTINATIONS
        ),
        rules=tuple(draw(rules(f"rule-{number}")) for number in range(1, count + 1)),
    )


def releases(catalogue: Catalogue | None = None) -> SearchStrategy[Release]:
    """The releases that a catalogue knows."""
    return st.sampled_from((catalogue or bundled()).releases)


def arrivals(files: SearchStrategy[bytes]) -> SearchStrategy[Arrival]:
    """Files as a source hands them over: with a name, which may be a hostile one."""
    usual = st.integers(0, 99_999_999).map(lambda number: f"V{number:08d}.usr")
    hostile = st.sampled_from(
        ("", ".", "..", "../../etc/passwd", "a/b.usr", "C:\\a.usr", ".hidden", "x" * 300, "a\nb")
    )
    return st.builds(Arrival, name=usual | hostile, content=files)
