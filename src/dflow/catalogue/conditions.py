"""Conditions of the catalogue as values: what they ask, and what can be told of it.

In: a condition and plain look-ups of a caller.  Out: an `Answer` with three values,
holds, fails, cannot be told.  This module knows neither trees nor files nor texts: the
caller says what an item's value is and which groups are present, and the language in
which conditions are written is `condition_text`'s affair.

A condition has a subject (a group, or an item of a group), a demand (required, absent,
optional) and a clause that says when.  It is asked once for every record under which the
subject could stand: every occurrence of the parent of a subject group, every record of
the group of a subject item.  "Cannot be told" follows the strong logic of Kleene: it
stays unless the rest of the expression settles the answer alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Literal, Protocol

from attrs import Factory, frozen

__all__ = [
    "AllOf",
    "Always",
    "Answer",
    "AnyOf",
    "Condition",
    "Demand",
    "Expression",
    "GroupPresent",
    "ItemBlank",
    "ItemCompared",
    "Lookups",
    "Negated",
    "Operator",
    "PartyIs",
    "PartySide",
    "PlainLookups",
    "demand_of",
    "evaluate",
]


class Answer(Enum):
    """What can be said of a statement: it holds, it fails, or it cannot be told."""

    HOLDS = "holds"
    FAILS = "fails"
    CANNOT_TELL = "cannot be told"

    def __invert__(self) -> Answer:
        """The answer to the opposite statement."""
        if self is Answer.CANNOT_TELL:
            return self
        return Answer.FAILS if self is Answer.HOLDS else Answer.HOLDS

    @staticmethod
    def of(truth: bool | None) -> Answer:  # noqa: FBT001  a truth value is the whole argument
        """The answer that a truth value is; None cannot be told."""
        if truth is None:
            return Answer.CANNOT_TELL
        return Answer.HOLDS if truth else Answer.FAILS

    @staticmethod
    def all(answers: Iterable[Answer]) -> Answer:
        """Holds if every one holds, fails if any one fails, else cannot be told."""
        given = list(answers)
        if Answer.FAILS in given:
            return Answer.FAILS
        return Answer.CANNOT_TELL if Answer.CANNOT_TELL in given else Answer.HOLDS

    @staticmethod
    def any(answers: Iterable[Answer]) -> Answer:
        """Holds if any one holds, fails if every one fails, else cannot be told."""
        return ~Answer.all(~answer for answer in answers)


#: What a condition asks of its subject where it holds.
Demand = Literal["required", "absent", "optional"]
#: How a condition compares an item with a value.
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
#: Which of the two parties of the header a condition asks about.
PartySide = Literal["sender", "recipient"]


class Lookups(Protocol):
    """What a condition may ask about the place where its subject could stand."""

    def value(self, jcode: str) -> str | None:
        """The value of an item, ``""`` if it is blank, None if it cannot be had.

        It is looked for in the record under which the subject could stand (for a subject
        item: in its own record), then in the records above it, nearest first.
        """

    def present(self, code: str) -> bool | None:
        """Whether a group of this code stands under the same record; None if not known."""

    def party(self, side: PartySide, label: str) -> Answer:
        """Whether the sender or recipient has the role of a catalogue label, ``MPAS``."""


@frozen(kw_only=True)
class PlainLookups:
    """`Lookups` over plain mappings: what is not in them cannot be told.

    Attributes:
        values: J-code to value.
        groups: group code to whether such a group is there.
        parties: side and label to answer.
    """

    values: Mapping[str, str] = Factory(dict)
    groups: Mapping[str, bool] = Factory(dict)
    parties: Mapping[tuple[PartySide, str], Answer] = Factory(dict)

    def value(self, jcode: str) -> str | None:
        """The value of the mapping, or None."""
        return self.values.get(jcode)

    def present(self, code: str) -> bool | None:
        """What the mapping says of the group, or None."""
        return self.groups.get(code)

    def party(self, side: PartySide, label: str) -> Answer:
        """What the mapping says of the party's role; else it cannot be told."""
        return self.parties.get((side, label), Answer.CANNOT_TELL)


@frozen
class Always:
    """The clause of a condition without one: it always holds."""

    def __str__(self) -> str:
        return ""


@frozen
class ItemCompared:
    """An item's value against texts (equal to one of them) or against a number.

    Attributes:
        jcode: the item.
        operator: one of six; with several values only ``=`` and ``!=``.
        values: texts, or one number as text.
        number: whether the comparison is by number.
    """

    jcode: str
    operator: Operator
    values: tuple[str, ...]
    number: bool = False

    def __str__(self) -> str:
        if self.number:
            return f"{self.jcode} {self.operator} {self.values[0]}"
        if len(self.values) == 1:
            return f'{self.jcode} {self.operator} "{self.values[0]}"'
        listed = ", ".join(f'"{value}"' for value in self.values)
        return f"{self.jcode} {'in' if self.operator == '=' else 'not in'} ({listed})"


@frozen
class ItemBlank:
    """An item holds no value."""

    jcode: str

    def __str__(self) -> str:
        return f"{self.jcode} blank"


@frozen
class GroupPresent:
    """A group of this code stands beside the subject, under the same record."""

    code: str

    def __str__(self) -> str:
        return f"group {self.code} present"


@frozen
class PartyIs:
    """The sender or the recipient has the role of a catalogue label."""

    side: PartySide
    label: str

    def __str__(self) -> str:
        return f'{self.side} is "{self.label}"'


@frozen
class Negated:
    """The opposite of an expression."""

    of: Expression

    def __str__(self) -> str:
        inner = f"({self.of})" if isinstance(self.of, AllOf | AnyOf) else str(self.of)
        return f"not {inner}"


@frozen
class AllOf:
    """Every part holds."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(
            f"({part})" if isinstance(part, AllOf | AnyOf) else str(part) for part in self.parts
        )


@frozen
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(
            f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts
        )


#: A condition's clause: one of the frozen values above.
Expression = Always | ItemCompared | ItemBlank | GroupPresent | PartyIs | Negated | AllOf | AnyOf


def evaluate(expression: Expression, lookups: Lookups) -> Answer:
    """Whether an expression holds where `lookups` looks."""
    match expression:
        case Always():
            answer = Answer.HOLDS
        case ItemCompared():
            answer = _compared(expression, lookups.value(expression.jcode))
        case ItemBlank(jcode):
            value = lookups.value(jcode)
            answer = Answer.of(None if value is None else not value)
        case GroupPresent(code):
            answer = Answer.of(lookups.present(code))
        case PartyIs(side, label):
            answer = lookups.party(side, label)
        case Negated(of):
            answer = ~evaluate(of, lookups)
        case AllOf(parts):
            answer = Answer.all(evaluate(part, lookups) for part in parts)
        case AnyOf(parts):
            answer = Answer.any(evaluate(part, lookups) for part in parts)
    return answer


def _compared(expression: ItemCompared, value: str | None) -> Answer:
    if value is None:
        return Answer.CANNOT_TELL
    operator = expression.operator
    if not expression.number:
        return Answer.of((value in expression.values) == (operator == "="))
    try:
        left, right = Decimal(value), Decimal(expression.values[0])
        order = (left > right) - (left < right)  # a NaN refuses to be ordered
    except InvalidOperation:
        return Answer.CANNOT_TELL
    truths: dict[Operator, bool] = {
        "=": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }
    return Answer.of(truths[operator])


@frozen(kw_only=True)
class Condition:
    """One condition on the presence of a group, or of an item's value.

    Attributes:
        group: the code of the subject group, or of the group that holds the subject item.
        jcode: the subject item; empty if the subject is the group itself.
        demand: what the condition asks for when its clause holds.
        when: the clause.
        source: where the condition is documented.
    """

    group: str
    jcode: str = ""
    demand: Demand
    when: Expression = Always()
    source: str = ""

    def __str__(self) -> str:
        subject = f"item {self.jcode} of {self.group}" if self.jcode else f"group {self.group}"
        clause = "" if isinstance(self.when, Always) else f" when {self.when}"
        return f"{subject} {self.demand}{clause}"

    def applies(self, lookups: Lookups) -> Answer:
        """Whether the clause holds, so that the demand is made."""
        return evaluate(self.when, lookups)

    def judge(self, lookups: Lookups, *, present: bool) -> Answer:
        """Whether the condition is kept, given whether its subject is present.

        A subject item is present if it holds a value.  An ``optional`` condition is always
        kept: it only explains an absence.
        """
        if self.demand == "optional" or present == (self.demand == "required"):
            return Answer.HOLDS
        return ~self.applies(lookups)


def demand_of(
    conditions: Iterable[Condition], lookups: Lookups, *, group: str, jcode: str = ""
) -> Demand | None:
    """What the conditions together ask of a subject; None where it cannot be told.

    ``required`` or ``absent`` where a condition says so and its clause holds;
    ``optional`` where one that excuses absence holds, or where a ``required`` one's clause
    fails, because the catalogue then asks for nothing.  None where no condition speaks of
    the subject, or none can be told: a missing group is then advice, as before.
    """
    answer: Demand | None = None
    for condition in conditions:
        if (condition.group, condition.jcode) != (group, jcode):
            continue
        applies = condition.applies(lookups)
        if applies is Answer.HOLDS and condition.demand != "optional":
            return condition.demand
        excused = Answer.HOLDS if condition.demand == "optional" else Answer.FAILS
        if applies is excused and condition.demand != "absent":
            answer = "optional"
    return answer
