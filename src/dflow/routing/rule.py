"""Rules, destinations and lists as values: what a rules file says, and code can build.

In: selectors and names.  Out: frozen values in the order they are tried.  This module
does not decide anything, and does not know whether the names it holds are defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from attrs import Attribute, field, frozen

from dflow.envelope import Party
from dflow.routing.selectors import (
    FlowChoice,
    ItemIn,
    PartyChoice,
    PartyPattern,
    WordChoice,
    is_name,
    is_printable,
)
from dflow.routing.window import Window

__all__ = ["Destination", "FileValues", "Rule", "RuleKind", "Target", "ValueList"]

#: What a rule does: the first four settle the primary outcome, a clone adds copies.
RuleKind = Literal["route", "hold", "refuse", "discard", "clone"]


def _name(_: object, attribute: Attribute[str], value: str) -> None:
    if not is_name(value):
        raise ValueError(f"{value!r} cannot be a name ({attribute.name}): lower case, not reserved")


def _printable(_: object, attribute: Attribute[str], value: str) -> None:
    if not is_printable(value):
        raise ValueError(f"{attribute.name} holds a control character: {value!r}")


def _comment(_: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for line in value:
        if not is_printable(line.replace("\t", "")) or line != line.rstrip():
            raise ValueError(f"{line!r} cannot be a line of {attribute.name}")


@frozen(kw_only=True)
class Destination:
    """A place that files can be delivered to; what stands behind it is not known here.

    Attributes:
        name: as rules call it.
        title: for people; empty if not given.
        test: whether it is marked for test files; live files never reach it unbidden.
        comments: the comment lines above it, without their signs; empty for a blank line.
        line: where it stands in its file, 0 if built in code.
    """

    name: str = field(validator=_name)
    title: str = field(default="", validator=_printable)
    test: bool = False
    comments: tuple[str, ...] = field(default=(), validator=_comment)
    line: int = field(default=0, eq=False)


@frozen(kw_only=True)
class FileValues:
    """The values of a list that stand in a file, one a line or in a column of a CSV file.

    Attributes:
        path: relative to the rules file.
        column: the column's name in the first line; empty for one value a line.
    """

    path: str = field(validator=_printable)
    column: str = field(default="", validator=_printable)


@frozen(kw_only=True)
class ValueList:
    """A named list of values: flows, participants, or values of an item.

    Attributes:
        name: as rules call it.
        values: the values themselves, or the file that holds them.
        comments: the comment lines above it.
        line: where it stands in its file, 0 if built in code.
    """

    name: str = field(validator=_name)
    values: tuple[str, ...] | FileValues = field()
    comments: tuple[str, ...] = field(default=(), validator=_comment)
    line: int = field(default=0, eq=False)

    @values.validator
    def _check(self, _: object, value: tuple[str, ...] | FileValues) -> None:
        if isinstance(value, tuple):
            if not value:
                raise ValueError(f"list {self.name} has no values")
            for one in value:
                if not one or not is_printable(one):
                    raise ValueError(f"{one!r} cannot be a value of list {self.name}")


@frozen
class Target:
    """A destination, and the one to use when it cannot be reached.

    Attributes:
        destination: its name.
        otherwise: the fallback's name, or None.
    """

    destination: str
    otherwise: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The destination and its fallback, if it has one."""
        return (self.destination,) if self.otherwise is None else (self.destination, self.otherwise)

    def __str__(self) -> str:
        return " else ".join(self.names)


@frozen(kw_only=True)
class Rule:
    """One rule: whom it is about, when, and what it does.  A selector of None fits all.

    Attributes:
        kind: what it does.
        name: unique in its rule set.
        flows: which flows and versions.
        sender: from whom.
        recipient: to whom.
        test: which test flags.
        sending_application: which sending application ids.
        receiving_application: which receiving application ids.
        window: when it holds.
        where: conditions on the body: some instance fulfils all of them.
        predicate: name of a Python predicate; opaque to every analysis; empty for none.
        targets: where to, for a route (``deliver``) and for a clone (``copy``).
        readdressed: the new recipient of a clone's copy, or None.
        only_matching: whether a clone's copy holds only the instances that fulfil `where`.
        across_test: whether test files may reach live destinations and live files test ones.
        because: the reason, for people.
        owner: whom to ask.
        comments: the comment lines above it.
        line: where it stands in its file, 0 if built in code.

    Raises:
        ValueError: for a combination that has no meaning, such as a hold that delivers.
    """

    kind: RuleKind
    name: str = field(validator=_name)
    flows: FlowChoice | None = None
    sender: PartyChoice | None = None
    recipient: PartyChoice | None = None
    test: WordChoice | None = None
    sending_application: WordChoice | None = None
    receiving_application: WordChoice | None = None
    window: Window | None = None
    where: tuple[ItemIn, ...] = ()
    predicate: str = ""
    targets: tuple[Target, ...] = ()
    readdressed: Party | None = None
    only_matching: bool = False
    across_test: bool = False
    because: str = field(default="", validator=_printable)
    owner: str = field(default="", validator=_printable)
    comments: tuple[str, ...] = field(default=(), validator=_comment)
    line: int = field(default=0, eq=False)

    def __attrs_post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(f"{self.kind} {self.name}: {problem}")

    def _problems(self) -> Iterator[str]:
        if self.kind == "route" and not self.targets:
            yield "a route must deliver somewhere: add deliver"
        if self.kind == "clone" and not self.targets:
            yield "a clone must copy somewhere: add copy"
        if self.kind not in {"route", "clone"} and self.targets:
            yield f"a {self.kind} sends nothing"
        if self.kind != "clone" and self.readdressed:
            yield "only a clone's copy can be readdressed"
        if self.kind != "clone" and self.only_matching:
            yield "only a clone can copy only matching instances"
        if self.only_matching and not self.where:
            yield "only matching instances needs a where"
        if self.across_test and not self.targets:
            yield "across test is about deliveries, and this rule has none"
        if self.predicate and not is_name(self.predicate):
            yield f"{self.predicate!r} cannot name a predicate"
        if self.readdressed and not self._can_be_address(self.readdressed):
            yield f"{self.readdressed} is not a single participant"

    @staticmethod
    def _can_be_address(party: Party) -> bool:
        try:
            PartyPattern(party.role, party.mpid)
        except ValueError:
            return False
        return "*" not in party.role + party.mpid

    @property
    def closed(self) -> bool:
        """Whether the header alone says if it fits: no condition on the body, no predicate."""
        return not self.where and not self.predicate
