"""A decision: where a file goes, and why.

In: what the rules said.  Out: a frozen value that can be told as text and as JSON.  This
module does not try rules itself; it asks its rule set again when the reasons are wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from dflow.envelope import Header, Party
from dflow.flow import Flow
from dflow.routing.match import Matching, Miss
from dflow.routing.rule import Rule, Target

if TYPE_CHECKING:
    from dflow.routing.routes import Routes

__all__ = ["Considered", "Copy", "Decision", "Outcome", "visible"]

#: What becomes of the original.  ``unrouted``: no rule fits; kept and counted, never dropped.
Outcome = Literal["deliver", "hold", "refuse", "discard", "unrouted"]

#: In a text, so many rules are told one by one; JSON holds them all.
_MOST_TOLD = 25


@frozen(kw_only=True)
class Copy:
    """A copy that a clone adds.

    Attributes:
        rule: the clone's name.
        target: where it goes, and its fallback.
        readdressed: the copy's new recipient, or None to leave it byte-identical.
        matching: which instances the copy holds, or None for all.
    """

    rule: str
    target: Target
    readdressed: Party | None = None
    matching: Matching | None = field(default=None, repr=False)

    @property
    def destination(self) -> str:
        """The destination's name."""
        return self.target.destination

    @property
    def otherwise(self) -> str | None:
        """The fallback's name, or None."""
        return self.target.otherwise


@frozen(kw_only=True)
class Considered:
    """A rule that was looked at.

    Attributes:
        rule: the rule.
        miss: why it does not fit; None if it fits.
        reached: False if an earlier rule had settled the outcome already.
    """

    rule: Rule
    miss: Miss | None = None
    reached: bool = True

    @property
    def word(self) -> str:
        """``fits``, ``fails`` or ``not reached``."""
        if not self.reached:
            return "not reached"
        return "fails" if self.miss else "fits"


@frozen(kw_only=True)
class Decision:
    """Where a file goes at an instant.

    Attributes:
        outcome: what becomes of the original.
        rule: the name of the rule that settled it; None if unrouted.
        deliveries: where the original goes; empty unless the outcome is ``deliver``.
        copies: what the clones add, whatever the outcome is.
        barred: destinations of those rules that safety keeps this file from.
        rules_hash: SHA-256 over the rule set and its lists, in hexadecimal.
        at: the instant it was asked for, in UTC.
        header: the address it was asked for.
    """

    outcome: Outcome
    rule: str | None = None
    deliveries: tuple[Target, ...] = ()
    copies: tuple[Copy, ...] = ()
    barred: tuple[str, ...] = ()
    rules_hash: str
    at: datetime
    header: Header = field(repr=False)
    _routes: Routes = field(repr=False, eq=False)
    _flow: Flow | None = field(default=None, repr=False, eq=False)

    @property
    def because(self) -> str:
        """The reason that the rule states; empty if it states none, or there is no rule."""
        return self._routes.rule(self.rule).because if self.rule is not None else ""

    def considered(self) -> tuple[Considered, ...]:
        """Every rule, in order, with the first clause that failed."""
        return self._routes.consider(self.header, at=self.at, flow=self._flow)

    def explain(self) -> str:
        """The whole reason as text, short enough to read.

        Rules that are about other flows are counted; the rest are told one by one, up to
        25 of them.
        """
        local = self.at.astimezone(self._routes.zone)
        lines = [f"{_address(self.header)} at {local.isoformat()}", f"outcome: {self._sentence()}"]
        if self.because:
            lines.append(f"  because {self.because}")
        lines += [f"  to {target}" for target in self.deliveries]
        lines += [f"copy: {one.target} by clone {one.rule}{_what(one)}" for one in self.copies]
        lines += [
            f"barred: {name}, which is not for {_sort(self.header)} files" for name in self.barred
        ]
        lines += ["rules considered:", *self._told(self.considered())]
        lines.append(f"rule set: sha256 {self.rules_hash}")
        return "\n".join(map(visible, lines))

    def _sentence(self) -> str:
        if self.rule is None:
            return "unrouted: no rule fits"
        rule = self._routes.rule(self.rule)
        place = f" (line {rule.line})" if rule.line else ""
        return f"{self.outcome}, by {rule.kind} {rule.name}{place}"

    @staticmethod
    def _told(considered: Sequence[Considered]) -> list[str]:
        lines: list[str] = []
        left: Counter[str] = Counter()
        for one in considered:
            if not one.reached:
                left["not reached"] += 1
            elif one.miss and one.miss.clause == "flow":
                left["about other flows"] += 1
            elif len(lines) < _MOST_TOLD or one.miss is None:
                why = f"fails at {one.miss}" if one.miss else "fits"
                lines.append(f"  {one.rule.kind} {one.rule.name}: {why}")
            else:
                left["failing later on"] += 1
        return lines + [f"  {count} {why}" for why, count in left.items()]

    def as_json(self) -> dict[str, object]:
        """The decision and every rule considered, as JSON values."""
        return {
            "outcome": self.outcome,
            "rule": self.rule,
            "because": self.because,
            "deliveries": [_target(one) for one in self.deliveries],
            "copies": [
                {
                    "rule": copy.rule,
                    **_target(copy.target),
                    "readdressed": str(copy.readdressed) if copy.readdressed else None,
                    "only_matching": copy.matching is not None,
                }
                for copy in self.copies
            ],
            "barred": list(self.barred),
            "rules_hash": self.rules_hash,
            "at": self.at.isoformat(),
            "header": _header(self.header),
            "considered": [
                {
                    "rule": one.rule.name,
                    "kind": one.rule.kind,
                    "line": one.rule.line,
                    "result": one.word,
                    "clause": one.miss.clause if one.miss else None,
                    "asked": one.miss.asked if one.miss else None,
                    "saw": one.miss.saw if one.miss else None,
                }
                for one in self.considered()
            ],
        }


def visible(text: str) -> str:
    """A line with what cannot be seen written out: headers are hostile, terminals obey."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _sort(header: Header) -> str:
    return "live" if header.live else "test"


def _address(header: Header) -> str:
    version = f" v{header.version}" if header.version else ""
    flag = header.test_flag or "live"
    return f"{header.flow}{version} from {header.sender} to {header.recipient} ({flag})"


def _what(copy: Copy) -> str:
    parts = []
    if copy.readdressed:
        parts.append(f"readdressed to {copy.readdressed}")
    if copy.matching:
        parts.append("only matching instances")
    return f" ({', '.join(parts)})" if parts else ""


def _target(target: Target) -> dict[str, object]:
    return {"destination": target.destination, "otherwise": target.otherwise}


def _header(header: Header) -> dict[str, object]:
    return {
        "flow": header.flow,
        "version": header.version,
        "sender": str(header.sender),
        "recipient": str(header.recipient),
        "file_id": header.file_id,
        "test_flag": header.test_flag,
        "sending_application": header.sending_application,
        "receiving_application": header.receiving_application,
    }
