"""Errors: one root, messages for a person, and a refusal that keeps every mistake."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.errors import (
    DflowError,
    LookupMiss,
    RefusedText,
    SourceError,
    StructureError,
    TextFault,
    near_misses,
    near_or_known,
)

_WORDS = st.text(min_size=1, max_size=8)
_FAULTS = st.builds(
    TextFault,
    source=_WORDS,
    line=st.integers(min_value=0, max_value=10**7),
    column=st.integers(min_value=0, max_value=200),
    message=_WORDS,
    expected=st.lists(_WORDS, max_size=3).map(tuple),
    near=st.lists(_WORDS, max_size=3).map(tuple),
    text=st.text(max_size=20),
)


@pytest.mark.parametrize("kind", [LookupMiss, SourceError, StructureError])
def test_every_error_has_the_root(kind: type[DflowError]) -> None:
    with pytest.raises(DflowError, match="what happened"):
        raise kind("what happened")
    assert issubclass(LookupMiss, LookupError)


@given(st.lists(_FAULTS, max_size=4))
def test_a_refusal_survives_pickle_and_copy(faults: list[TextFault]) -> None:
    refused = RefusedText(faults)
    for again in (
        pickle.loads(pickle.dumps(refused)),  # noqa: S301  our own bytes
        copy.copy(refused),
        copy.deepcopy(refused),
    ):
        assert type(again) is RefusedText
        assert again.faults == tuple(faults)
        assert str(again) == str(refused)


def test_a_refusal_says_every_mistake_in_order() -> None:
    refused = RefusedText(
        [
            TextFault(source="a.routes", line=2, column=1, message="first"),
            TextFault(source="a.routes", line=0, column=0, message="second"),
            TextFault(source="b.routes", line=9, column=0, message="third"),
        ]
    )
    assert str(refused) == "a.routes:2:1: first\na.routes: second\nb.routes:9: third"


def test_the_caret_stands_under_its_character() -> None:
    fault = TextFault(
        source="a.routes",
        line=12,
        column=9,
        message="no such clause",
        expected=("from", "to", "during"),
        near=("to",),
        text="route a:\ttoo X",
    )
    lines = str(fault).splitlines()
    assert lines == [
        "a.routes:12:9: no such clause",
        "   12 | route a:\ttoo X",
        "      |         ^",
        "      expected from, to or during",
        "      did you mean to?",
    ]
    assert lines[2].index("^") - lines[1].index("route") == fault.column - 1


@pytest.mark.parametrize("line", [1, 99_999, 100_000, 12_345_678])
def test_the_caret_stands_right_on_any_line(line: int) -> None:
    fault = TextFault(source="a", line=line, column=3, message="m", text="ab!")
    shown, caret = str(fault).splitlines()[1:]
    assert shown[caret.index("^")] == "!"


def test_a_caret_behind_the_line() -> None:
    fault = TextFault(source="a", line=1, column=4, message="something is missing", text="abc")
    assert str(fault).splitlines()[2] == "      |    ^"


def test_near_misses_are_the_nearest_first_and_case_does_not_count() -> None:
    known = ["transport", "transit", "path", "TransportS", "pattern"]
    assert near_misses("tranport", known)[0] == "transport"
    assert near_misses("PATH", known) == ("path",)
    assert near_misses("zzz", known) == ()
    assert len(near_misses("trans", ["trans1", "trans2", "trans3", "trans4"], most=2)) == 2
    assert near_misses("", known) == ()


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("old-agnet", ["old-agent", "bench"], "did you mean old-agent?"),
        ("stp1", ["step1", "step2", "step3"], "did you mean step1, step3 or step2?"),
        ("zzz", ["old", "new"], "known: old, new"),
        ("old", [], "known: none"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_what_is(
    word: str, known: list[str], said: str
) -> None:
    assert near_or_known(word, known) == said


@given(_WORDS, st.lists(_WORDS, max_size=6))
def test_a_known_word_is_its_own_nearest(word: str, others: list[str]) -> None:
    found = near_misses(word, [word, *others])
    assert found
    assert found[0].casefold() == word.casefold()
    assert set(found) <= {word, *others}
