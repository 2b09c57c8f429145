"""Rules texts: what they mean, how they are laid out, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.envelope import Party
from dflow.errors import RefusedText, SourceError
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
    Target,
    ValueList,
    VersionRange,
    Window,
    WordChoice,
    WordPattern,
    grammar_text,
)
from dflow.routing.remark import REMARKS
from dflow.routing.selectors import RESERVED
from support import CHECKOUT

WHOLE = """\
# about the file

# about the zone
timezone Europe/London

destination old  "the old agent"
# noisy
destination bench  test

list metering = D0149, D0150 # inside
list odd = "a b", "q\\"q\\\\"

clone c:  flow metering v>=002, D02* except D0217 v<003  from */UDMS, X/A* except X/AB
    to *  test none, TR*, "a b"  sending application EBES1  receiving application none, B*
    during 2019-06-01 .. 2019-10-01T10:30+01:00
    where J0003 in odd, only matching instances
    copy old else bench
    readdressed to X/NEWS
    across test
    because "why \\"so\\"" owner "me"
# the end
"""


def test_every_clause_means_what_it_says() -> None:
    routes = Routes.parse(WHOLE)
    (rule,) = routes.rules
    assert rule == Rule(
        kind="clone",
        name="c",
        flows=FlowChoice(
            (FlowPattern(ListRef("metering"), VersionRange(">=", "002")), FlowPattern("D02*")),
            (FlowPattern("D0217", VersionRange("<", "003")),),
        ),
        sender=PartyChoice(
            (PartyPattern("*", "UDMS"), PartyPattern("X", "A*")), (PartyPattern("X", "AB"),)
        ),
        recipient=PartyChoice((PartyPattern("*", "*"),)),
        test=WordChoice((WordPattern("", "none"), WordPattern("TR", "prefix"), WordPattern("a b"))),
        sending_application=WordChoice((WordPattern("EBES1"),)),
        receiving_application=WordChoice((WordPattern("", "none"), WordPattern("B", "prefix"))),
        window=Window(start=Moment("2019-06-01"), end=Moment("2019-10-01T10:30+01:00")),
        where=(ItemIn("J0003", ListRef("odd")),),
        targets=(Target("old", "bench"),),
        readdressed=Party("X", "NEWS"),
        only_matching=True,
        across_test=True,
        because='why "so"',
        owner="me",
    )
    assert routes.destinations == (
        Destination(name="old", title="the old agent"),
        Destination(name="bench", test=True, comments=("noisy",)),
    )
    assert routes.lists == (
        ValueList(name="metering", values=("D0149", "D0150"), comments=("inside",)),
        ValueList(name="odd", values=("a b", 'q"q\\')),
    )
    assert routes.timezone_comments == ("about the file", "", "about the zone")
    assert routes.closing == ("the end",)


def test_laid_out_it_is_the_same_and_stays_so() -> None:
    routes = Routes.parse(WHOLE)
    text = str(routes)
    assert Routes.parse(text) == routes
    assert str(Routes.parse(text)) == text


def test_an_empty_text_routes_nothing() -> None:
    assert Routes.parse("").rules == ()
    assert str(Routes.parse("\n\n")) == ""


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(RefusedText) as caught:
        Routes.parse(text)
    return [(fault.line, fault.column, fault.message) for fault in caught.value.faults]


def test_all_mistakes_at_once_each_with_its_place() -> None:
    text = (
        "  indented\n"
        "rout x: flow D0010\n"
        "destination a\n"
        "route test: flow D0010 fom X/UDMS\n"
        '            deliver a els b owner "me"\n'
        "route y flow D0010 deliver a\n"
        'clone z: flow D0010,, from X/ to M/OLDM  where J03 in movers because "x\n'
        "list m = \n"
        "destination Old-agent\n"
        "hold q: blah flow D0010\n"
    )
    assert faults(text) == [
        (1, 3, "an indented line continues a statement, and none has begun"),
        (2, 1, "rout cannot stand here"),
        (4, 7, "test is a word of the language and cannot be a name"),
        (4, 24, "fom cannot stand here"),
        (5, 23, "els cannot stand here"),
        (6, 9, "flow cannot stand here"),
        (7, 21, "something is missing here"),
        (7, 28, "X/ cannot stand here"),
        (7, 48, "J03 cannot stand here"),
        (7, 70, "the text is not closed, or holds a backslash that means nothing"),
        (8, 9, "something is missing here"),
        (9, 13, "Old-agent cannot stand here"),
        (10, 9, "blah cannot stand here"),
    ]


def test_names_and_meanings_are_checked_in_the_same_go() -> None:
    text = (
        "destination a\n"
        "destination a\n"
        "list q = D0010, D0010\n"
        "route x: flow qq deliver aa, a, a\n"
        "   during 2019-03-31T01:30 .. 2019-10-27T01:30\n"
        "hold y: deliver a across test\n"
        "hold y: flow q flow q during 2019-02-30 ..\n"
        "clone z: deliver a only matching instances\n"
        'list m = file "../x"\n'
        "hold w: when some during 2019-06-02 .. 2019-06-01\n"
        "route v: flow *\n"
        "timezone Europe/Lodnon\n"
    )
    found = faults(text)
    assert [(line, column) for line, column, _ in found] == [
        (2, 13),
        (3, 17),
        (4, 15),
        (4, 26),
        (4, 33),
        (6, 9),
        (6, 19),
        (7, 6),
        (7, 16),
        (7, 30),
        (8, 10),
        (8, 20),
        (9, 0),
        (10, 14),
        (11, 1),
        (12, 10),
    ]


def test_local_times_that_the_clocks_skip_or_repeat_are_refused() -> None:
    text = (
        "timezone Europe/London\n"
        "hold x: during 2019-03-31T01:30 .. 2019-10-27T01:30\n"
        "hold y: during 2019-06-02 .. 2019-06-01\n"
    )
    found = faults(text)
    assert [place[:2] for place in found] == [(2, 16), (2, 36), (3, 9)]
    assert "does not happen" in found[0][2]
    assert "happens twice" in found[1][2]
    assert "holds no instant" in found[2][2]


def test_a_fault_shows_caret_expectation_and_near_miss() -> None:
    with pytest.raises(RefusedText) as caught:
        Routes.parse("destination standby\nroute x: flow D0010 deliver stanby\n", "my.routes")
    assert str(caught.value) == (
        "my.routes:2:29: no destination stanby is defined\n"
        "    2 | route x: flow D0010 deliver stanby\n"
        "      |                             ^\n"
        "      did you mean standby?"
    )


def test_a_misspelt_clause_is_told_with_its_near_miss() -> None:
    with pytest.raises(RefusedText) as caught:
        Routes.parse("destination a\nroute x: flow D0010 fom X/UDMS deliver a\n")
    (fault,) = caught.value.faults
    assert "from" in fault.near


def test_rules_built_in_code_are_checked_as_well() -> None:
    rule = Rule(kind="route", name="x", targets=(Target("b"),))
    with pytest.raises(RefusedText, match="no destination b is defined"):
        Routes(destinations=(Destination(name="a"),), rules=(rule,))
    with pytest.raises(RefusedText, match="rule x is defined twice"):
        Routes(destinations=(Destination(name="b"),), rules=(rule, rule))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("route", {}),
        ("clone", {}),
        ("hold", {"targets": (Target("a"),)}),
        ("route", {"targets": (Target("a"),), "readdressed": Party("X", "NEWS")}),
        ("clone", {"targets": (Target("a"),), "only_matching": True}),
        ("clone", {"targets": (Target("a"),), "readdressed": Party("X", "*")}),
        ("refuse", {"across_test": True}),
        ("refuse", {"predicate": "Not A Name"}),
        ("refuse", {"because": "two\nlines"}),
    ],
)
def test_rules_without_meaning_cannot_be_built(kind: str, more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Rule(kind=kind, name="x", **more)  # type: ignore[arg-type]  # the point


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        Routes.load(tmp_path / "none.routes")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.routes"
    path.write_bytes(b"destination a\n# \xff\n")
    with pytest.raises(RefusedText) as caught:
        Routes.load(path)
    assert caught.value.faults[0].line == 2


def test_a_byte_order_mark_is_borne(tmp_path: Path) -> None:
    path = tmp_path / "x.routes"
    path.write_bytes(b"\xef\xbb\xbfdestination a\r\n")
    assert Routes.load(path).destinations[0].name == "a"


def test_the_grammar_can_be_shown() -> None:
    assert "clause: FLOW flows" in grammar_text()


def test_the_reference_page_shows_the_grammar_the_words_and_the_remarks() -> None:
    page = (CHECKOUT / "docs" / "reference" / "rules.md").read_text("utf-8")
    assert grammar_text().split("\n\nACROSS", 1)[0].strip() in page
    for word in RESERVED:
        assert f"`{word}`" in page
    for code, (severity, meaning) in REMARKS.items():
        assert f"| `{code}` | {severity.value} | {meaning} |" in page
