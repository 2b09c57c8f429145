"""Conditions: three answers, precedence in the grammar, mistakes with places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.catalogue import Answer, Condition, PlainLookups, bundled, demand_of, parse_condition
from dflow.catalogue.condition_text import ConditionFault, check_condition
from dflow.catalogue.conditions import (
    AllOf,
    AnyOf,
    Expression,
    GroupPresent,
    ItemBlank,
    ItemCompared,
    Negated,
    PartyIs,
    evaluate,
)

HOLDS, FAILS, CANNOT_TELL = Answer.HOLDS, Answer.FAILS, Answer.CANNOT_TELL


def when(text: str) -> Expression:
    return parse_condition(f"group 60M required when {text}").when


@pytest.mark.parametrize(
    ("value", "answer"), [("Y", HOLDS), ("N", FAILS), ("", FAILS), (None, CANNOT_TELL)]
)
def test_an_item_compared_with_a_text(value: str | None, answer: Answer) -> None:
    values = {} if value is None else {"J2245": value}
    assert evaluate(when('J2245 = "Y"'), PlainLookups(values=values)) is answer
    assert evaluate(when('J2245 != "Y"'), PlainLookups(values=values)) is ~answer
    assert evaluate(when('J2245 in ("Y", "X")'), PlainLookups(values=values)) is answer
    assert evaluate(when('J2245 not in ("Y")'), PlainLookups(values=values)) is ~answer


@pytest.mark.parametrize(
    ("clause", "value", "answer"),
    [
        ("J1013 > 3", "4", HOLDS),
        ("J1013 > 3", "3", FAILS),
        ("J1013 >= 3", "3.0", HOLDS),
        ("J1013 < 3", "-3", HOLDS),
        ("J1013 <= 3", "10", FAILS),
        ("J1013 = 3", "003", HOLDS),
        ("J1013 != 3", "003", FAILS),
        ("J1013 > 3", "many", CANNOT_TELL),
        ("J1013 > 3", "NaN", CANNOT_TELL),
    ],
)
def test_an_item_compared_with_a_number(clause: str, value: str, answer: Answer) -> None:
    assert evaluate(when(clause), PlainLookups(values={"J1013": value})) is answer


def test_blank_and_given() -> None:
    blank = PlainLookups(values={"J0044": ""})
    assert evaluate(when("J0044 blank"), blank) is HOLDS
    assert evaluate(when("J0044 given"), blank) is FAILS
    assert evaluate(when("J0044 given"), PlainLookups()) is CANNOT_TELL


def test_groups_and_parties() -> None:
    lookups = PlainLookups(groups={"62M": True}, parties={("sender", "MPAS"): HOLDS})
    assert evaluate(when("group 62M present"), lookups) is HOLDS
    assert evaluate(when("group 62M absent"), lookups) is FAILS
    assert evaluate(when("group 91C present"), lookups) is CANNOT_TELL
    assert evaluate(when('sender is "MPAS"'), lookups) is HOLDS
    assert evaluate(when('recipient is "MPAS"'), lookups) is CANNOT_TELL


def test_precedence_stands_in_the_rules() -> None:
    a, b, c = (GroupPresent(code) for code in ("01A", "02B", "03C"))
    text = "group 01A present or not group 02B present and group 03C present"
    assert when(text) == AnyOf((a, AllOf((Negated(b), c))))
    grouped = "(group 01A present or not group 02B present) and group 03C present"
    assert when(grouped) == AllOf((AnyOf((a, Negated(b))), c))


ATOMS = st.one_of(
    st.builds(ItemCompared, st.just("J0003"), st.sampled_from(["=", "!="]), st.just(("A", "B"))),
    st.builds(ItemBlank, st.just("J0012")),
    st.builds(GroupPresent, st.sampled_from(["026", "08A", "DA"])),
    st.builds(PartyIs, st.sampled_from(["sender", "recipient"]), st.just("MPAS Agent")),
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(Negated),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=6,
)
TOLD = st.sampled_from([True, False])


@given(EXPRESSIONS)
def test_what_is_shown_reads_back(expression: Expression) -> None:
    condition = Condition(group="026", jcode="J0044", demand="absent", when=expression)
    assert parse_condition(str(condition)) == condition


@given(EXPRESSIONS, st.sampled_from(["A", "", "Z"]), TOLD, TOLD)
def test_more_knowledge_never_changes_an_answer(
    expression: Expression, value: str, group: bool, party: bool
) -> None:
    """Kleene's law: what could be told with little stays so with everything known."""
    full = PlainLookups(
        values={"J0003": value, "J0012": value},
        groups={"026": group, "08A": not group, "DA": group},
        parties={("sender", "MPAS Agent"): Answer.of(party), ("recipient", "MPAS Agent"): HOLDS},
    )
    settled = evaluate(expression, full)
    assert settled is not CANNOT_TELL
    for partial in (
        PlainLookups(),
        PlainLookups(values=full.values),
        PlainLookups(groups=full.groups, parties=full.parties),
    ):
        assert evaluate(expression, partial) in (settled, CANNOT_TELL)


def test_a_condition_is_judged() -> None:
    condition = parse_condition('group 60M absent when J2245 = "N"')
    no, yes = PlainLookups(values={"J2245": "N"}), PlainLookups(values={"J2245": "Y"})
    assert condition.judge(no, present=True) is FAILS
    assert condition.judge(no, present=False) is HOLDS
    assert condition.judge(yes, present=True) is HOLDS
    assert condition.judge(PlainLookups(), present=True) is CANNOT_TELL


def test_conditions_together_make_a_demand() -> None:
    required = parse_condition('group 60M required when J2245 = "Y"')
    optional = parse_condition("group 60M optional when group 62M present")
    absent = parse_condition('group 60M absent when J2245 = "N"')
    yes = PlainLookups(values={"J2245": "Y"})
    no = PlainLookups(values={"J2245": "N"})
    assert demand_of([required], yes, group="60M") == "required"
    assert demand_of([required], no, group="60M") == "optional"
    assert demand_of([required, absent], no, group="60M") == "absent"
    assert demand_of([absent], yes, group="60M") is None
    assert demand_of([required], PlainLookups(), group="60M") is None
    assert demand_of([required], yes, group="61M") is None
    assert demand_of([optional], PlainLookups(groups={"62M": True}), group="60M") == "optional"


def test_an_item_can_be_the_subject() -> None:
    condition = parse_condition("item J0044 of 030 required when J1013 > 0")
    assert (condition.group, condition.jcode, condition.demand) == ("030", "J0044", "required")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("group 60M maybe", 11, "'maybe' cannot stand here"),
        ("group 60M absent when", 22, "the condition ends too soon"),
        ('group 60M absent when J2245 = "N" and', 38, "the condition ends too soon"),
        ("", 1, "the condition ends too soon"),
        ("grop 60M absent", 1, "'grop' cannot stand here"),
    ],
)
def test_mistakes_have_a_column(text: str, column: int, message: str) -> None:
    with pytest.raises(ConditionFault) as caught:
        parse_condition(text)
    assert (caught.value.column, caught.value.message) == (column, message)
    assert caught.value.expected


def test_near_misses_and_absurd_nesting() -> None:
    with pytest.raises(ConditionFault) as caught:
        parse_condition("group 60M absnt")
    assert caught.value.near == ("absent",)
    with pytest.raises(ConditionFault, match="longer than"):
        parse_condition("group 60M absent when " + "not " * 10_000 + "J0003 blank")
    deep = parse_condition("group 60M absent when " + "not " * 200 + "J0003 blank")
    assert evaluate(deep.when, PlainLookups(values={"J0003": ""})) is HOLDS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group 61M optional", "the flow has no group 61M"),
        ('group 60M absent when J2254 = "N"', "item J2254 is not in reach"),
        ('group 60M absent when J2245 = "NO"', "J2245 is CHAR(1), which 'NO' can never be"),
        ("group 60M absent when J2245 > 3", "compare it with a text"),
        ('group 60M absent when J0109 > "3"', "> compares numbers, not texts"),
        ("group 60M absent when group 99X present", "does not stand beside the subject"),
        ('group 60M absent when sender is "MPA"', "no role label 'MPA'"),
        ('group 60M absent when J0080 = "X"', "is not in the code list of J0080"),
        ("item J0003 of 60M required", "group 60M has no item J0003"),
    ],
)
def test_a_condition_that_does_not_fit_its_flow(text: str, message: str) -> None:
    catalogue = bundled()
    condition = parse_condition(text)
    if message.startswith("group 60M has"):
        condition = parse_condition("item J0999 of 60M required")
        message = "group 60M has no item J0999"
    faults = check_condition(condition, catalogue["D0260", "002"].groups, catalogue.roles.known)
    assert any(message in fault.message for fault in faults)


def test_the_documented_conditions_are_entered_with_their_source() -> None:
    flow = bundled()["D0307", "002"]
    assert [str(condition) for condition in flow.conditions] == [
        "group 91C optional when group 62M present",
        "group 62M optional when group 91C present",
    ]
    entered = [c for flow in bundled() for c in flow.conditions]
    assert len(entered) == 5
    assert all("facts, envelope section 7" in condition.source for condition in entered)
