"""The life of one delivery, as a table.

In: a state and what happened.  Out: the next state.  This module does no I/O, knows no
clock and no transport; whoever drives it writes each step down before it acts.

Two things make the table worth reading.  `SENDING` is entered, and made durable, before
anything is sent; so a delivery found there after a crash was perhaps sent, and goes to
`UNKNOWN`, never back to `DUE`.  And nothing leaves `UNKNOWN` towards another attempt but
by the destination's own answer that it has nothing, or because a person said so: then,
or beforehand, in the configuration of a destination that cannot be asked.

A step that the table does not have is a mistake of the caller and raises; a delivery is
never put into a state by assignment.
"""

from __future__ import annotations

import enum
from typing import Literal

from attrs import frozen

from dflow.errors import DflowError

__all__ = [
    "FINAL",
    "OPEN",
    "STEPS",
    "TABLE",
    "State",
    "Step",
    "Transition",
    "WrongStep",
    "advance",
    "diagram",
    "steps_from",
]


@enum.unique
class State(enum.Enum):
    """Where a delivery stands."""

    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    RETRYING = "retrying"
    DEAD = "dead"
    HELD = "held"
    CANCELLED = "cancelled"


@enum.unique
class Step(enum.Enum):
    """What happened to a delivery."""

    START = "start"
    ACCEPTED = "accepted"
    FAILED = "failed"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"
    LOST = "lost"
    FOUND = "found"
    MISSING = "missing"
    UNDECIDED = "undecided"
    PRESUMED = "presumed"
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    EVIDENCE = "evidence"
    DIVERT = "divert"
    DEFER = "defer"
    CANCEL = "cancel"


#: What each step means, and whether the driver or a person takes it.
STEPS: dict[Step, tuple[Literal["driver", "person"], str]] = {
    Step.START: ("driver", "an attempt begins; recorded before anything is sent"),
    Step.ACCEPTED: ("driver", "the destination gave a receipt"),
    Step.FAILED: ("driver", "not delivered, for certain; another attempt is due later"),
    Step.EXHAUSTED: ("driver", "not delivered, and the retry policy allows no more"),
    Step.REFUSED: ("driver", "the destination will never take it as it is"),
    Step.LOST: ("driver", "a crash, a hang or an unclear answer: it may have been delivered"),
    Step.FOUND: ("driver", "asked, the destination has it"),
    Step.MISSING: ("driver", "asked, the destination does not have it"),
    Step.UNDECIDED: ("driver", "asked, the destination could not tell"),
    Step.PRESUMED: ("driver", "it cannot be asked, and its configuration says to send again"),
    Step.HOLD: ("person", "stopped until released"),
    Step.RELEASE: ("person", "let go again"),
    Step.RETRY: ("person", "to be sent again, now"),
    Step.EVIDENCE: ("person", "delivered by another way, with evidence"),
    Step.DIVERT: ("driver", "sent to the fallback instead"),
    Step.DEFER: ("driver", "put back unsent: its gate lets it through later; no attempt was made"),
    Step.CANCEL: ("person", "not to be delivered"),
}


@frozen
class Transition:
    """One row of the table."""

    state: State
    step: Step
    to: State


def _rows(step: Step, to: State, *states: State) -> tuple[Transition, ...]:
    return tuple(Transition(state, step, to) for state in states)


_D, _S, _K, _U, _R, _X, _H, _C = (
    State.DUE,
    State.SENDING,
    State.DELIVERED,
    State.UNKNOWN,
    State.RETRYING,
    State.DEAD,
    State.HELD,
    State.CANCELLED,
)

#: Every transition there is.
TABLE: tuple[Transition, ...] = (
    *_rows(Step.START, _S, _D, _R),
    *_rows(Step.ACCEPTED, _K, _S),
    *_rows(Step.FAILED, _R, _S),
    *_rows(Step.EXHAUSTED, _X, _S, _U),
    *_rows(Step.REFUSED, _X, _S),
    *_rows(Step.LOST, _U, _S),
    *_rows(Step.FOUND, _K, _U),
    *_rows(Step.MISSING, _D, _U),
    *_rows(Step.UNDECIDED, _U, _U),
    *_rows(Step.PRESUMED, _D, _U),
    *_rows(Step.HOLD, _H, _D, _R),
    *_rows(Step.RELEASE, _D, _H),
    *_rows(Step.RETRY, _D, _R, _X, _U),
    *_rows(Step.EVIDENCE, _K, _D, _R, _U, _X, _H),
    *_rows(Step.DIVERT, _C, _D, _R),
    *_rows(Step.DEFER, _R, _S),
    *_rows(Step.CANCEL, _C, _D, _R, _U, _X, _H),
)

_NEXT: dict[tuple[State, Step], State] = {(row.state, row.step): row.to for row in TABLE}

#: States that nothing leaves.
FINAL: frozenset[State] = frozenset(State) - {row.state for row in TABLE}

#: States in which the driver still has something to do by itself.
OPEN: frozenset[State] = frozenset({_D, _S, _U, _R})


class WrongStep(DflowError):
    """A delivery cannot take this step from where it stands."""


def advance(state: State, step: Step) -> State:
    """The state after a step.

    >>> advance(State.SENDING, Step.LOST)
    <State.UNKNOWN: 'unknown'>

    Raises:
        WrongStep: if the table has no such row; the message names the steps it has.
    """
    found = _NEXT.get((state, step))
    if found is None:
        able = ", ".join(possible.value for possible in steps_from(state)) or "nothing"
        raise WrongStep(
            f"a delivery that is {state.value} cannot take the step {step.value};"
            f" it can take: {able}"
        )
    return found


def steps_from(state: State) -> tuple[Step, ...]:
    """The steps that a delivery in this state can take."""
    return tuple(row.step for row in TABLE if row.state is state)


def diagram() -> str:
    """The table as a Mermaid state diagram; a person's steps are in brackets."""
    lines = ["stateDiagram-v2", "    [*] --> due", "    [*] --> held"]
    joined: dict[tuple[State, State], list[str]] = {}
    for row in TABLE:
        word = row.step.value if STEPS[row.step][0] == "driver" else f"({row.step.value})"
        joined.setdefault((row.state, row.to), []).append(word)
    lines += [
        f"    {state.value} --> {to.value}: {', '.join(words)}"
        for (state, to), words in joined.items()
    ]
    lines += [f"    {state.value} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)
