"""Where the layers of a check put their findings.

In: findings in the layers' words.  Out: the findings as they are reported: weighed by
the profile, masked where an item is sensitive, and advice told once.  This module does
not look at records.

Errors and warnings are told every time.  What the table counts as advice or information
is told at its first place only, for each group and item it is about: a hundred thousand
meter points without an optional-looking group are one remark, not a hundred thousand.
A profile that makes such a kind a warning or an error has it told every time.
"""

from __future__ import annotations

from attrs import define, evolve, field

from dflow.catalogue.model import ItemPlace
from dflow.findings import KINDS, Finding, Place, Severity, finding_at
from dflow.validate.profile import Profile

__all__ = ["Sink", "masked"]

#: How many characters of a value a finding shows.
_SHOWN = 64


def masked(value: str) -> str:
    """What stands for a sensitive value: its length, and nothing else of it."""
    return f"({len(value)} characters, masked)" if value else ""


@define(eq=False)
class Sink:
    """Collects the findings about one file.

    Attributes:
        profile: what each code weighs.
        unmask: whether sensitive values are shown.
        sender: the sender's MPID, once the header is read: profiles may name it.
        found: the findings so far.
        weighty: how many findings were not of a kind that is told once.
    """

    profile: Profile
    unmask: bool = False
    sender: str = ""
    found: list[Finding] = field(factory=list, init=False)
    weighty: int = field(default=0, init=False)
    _told: set[tuple[str, object]] = field(factory=set, init=False)
    _weights: dict[str, Severity] = field(factory=dict, init=False)
    _once: dict[str, bool] = field(factory=dict, init=False)

    def weight(self, code: str) -> Severity:
        """What a finding of this code weighs here."""
        known = self._weights.get(code)
        if known is None:
            known = self._weights[code] = self.profile.severity(code, sender=self.sender)
        return known

    def told_once(self, code: str) -> bool:
        """Whether findings of this code are told at their first place only."""
        known = self._once.get(code)
        if known is None:
            light = max(KINDS[code].severity, self.weight(code)) < Severity.WARNING
            known = self._once[code] = light
        return known

    def watches(self, code: str, key: object = None) -> bool:
        """Whether a finding of this code and subject would be told if it were made now."""
        return (code, key) not in self._told or not self.told_once(code)

    @property
    def told(self) -> int:
        """How many subjects have been told of once and for all."""
        return len(self._told)

    def set_sender(self, mpid: str) -> None:
        """The header has been read: weigh by what the profile says of its sender."""
        self.sender = mpid
        self._weights.clear()
        self._once.clear()
        self.found[:] = [self._weighed(found) for found in self.found]

    def take(self, found: Finding) -> None:
        """A finding that another module has made."""
        self.found.append(self._weighed(found))

    def add(
        self,
        code: str,
        place: Place,
        message: str,
        *,
        value: str = "",
        expected: str = "",
        remedy: str = "",
        key: object = None,
    ) -> None:
        """A finding; `key` is its subject, if it is told once for each subject."""
        once = self._once.get(code)
        if self.told_once(code) if once is None else once:
            if (code, key) in self._told:
                return
            self._told.add((code, key))
        else:
            self.weighty += 1
        # Made in one go: a file full of faults spends its time here.
        self.found.append(
            finding_at(
                place,
                code,
                self._weights.get(code) or self.weight(code),
                message=message,
                value=value if len(value) <= _SHOWN else _cut(value),
                expected=expected,
                remedy=remedy or KINDS[code].remedy,
            )
        )

    def add_value(
        self,
        code: str,
        place: Place,
        at: ItemPlace,
        message: str,
        *,
        value: str = "",
        expected: str = "",
        key: object = None,
    ) -> None:
        """A finding about an item's value, which is masked if the item is sensitive."""
        hide = bool(at.item.sensitive) and not self.unmask
        shown = masked(value) if hide else value
        self.add(code, place, message, value=shown, expected=expected, key=key)

    def _weighed(self, found: Finding) -> Finding:
        weight = self.weight(found.code)
        return found if found.severity is weight else evolve(found, severity=weight)


def _cut(value: str) -> str:
    return value[: _SHOWN - 1] + "…"
