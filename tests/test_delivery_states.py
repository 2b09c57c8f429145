"""The life of a delivery: the table, and what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.delivery import (
    FINAL,
    OPEN,
    STEPS,
    TABLE,
    State,
    Step,
    WrongStep,
    advance,
    diagram,
    steps_from,
)


def test_every_state_and_step_is_in_the_table_once() -> None:
    assert len({(row.state, row.step) for row in TABLE}) == len(TABLE)
    assert {row.step for row in TABLE} == set(Step) == set(STEPS)
    assert {row.state for row in TABLE} | {row.to for row in TABLE} == set(State)
    assert {State.DELIVERED, State.CANCELLED} == FINAL


def test_what_the_table_does_not_have_raises_and_names_what_it_has() -> None:
    with pytest.raises(
        WrongStep, match=r"delivered cannot take the step start; it can take: nothing"
    ):
        advance(State.DELIVERED, Step.START)
    for state in State:
        for step in Step:
            if step not in steps_from(state):
                with pytest.raises(WrongStep):
                    advance(state, step)


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_no_second_attempt_without_certainty(steps: list[Step]) -> None:
    """From SENDING the next START comes only after an answer, or a person's or a policy's word."""
    state, between = State.DUE, [Step.FAILED]
    certain = {
        Step.FAILED,
        Step.EXHAUSTED,
        Step.REFUSED,
        Step.MISSING,
        Step.PRESUMED,
        Step.RETRY,
        Step.DEFER,  # its gate kept it back: nothing was sent
    }
    for step in steps:
        if step not in steps_from(state):
            continue
        if step is Step.START:
            assert certain & set(between)
            between = []
        between.append(step)
        state = advance(state, step)
        assert state not in FINAL or not steps_from(state)


def test_a_crash_while_sending_is_never_due() -> None:
    assert advance(State.SENDING, Step.LOST) is State.UNKNOWN
    reached = {row.to for row in TABLE if row.state is State.SENDING}
    assert State.DUE not in reached
    assert State.UNKNOWN in OPEN


def test_the_diagram_has_every_transition() -> None:
    drawn = diagram()
    for row in TABLE:
        line = next(
            line for line in drawn.splitlines() if f" {row.state.value} --> {row.to.value}:" in line
        )
        assert row.step.value in line
