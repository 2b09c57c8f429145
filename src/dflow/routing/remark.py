"""What lint has to say: one remark about a rule set, as a value.

In: a code, rules, words.  Out: a frozen value that can be told as text and as JSON.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from dflow.findings import Severity

__all__ = ["REMARKS", "Remark", "RemarkCode"]

#: The kinds of remark.
RemarkCode = Literal[
    "empty-selector",
    "never-fires",
    "redundant",
    "conflict",
    "endless-clone",
    "clone-loop",
    "window-over",
    "window-gap",
    "unused-destination",
    "unused-list",
    "test-live-mixed",
    "unknown-flow",
    "unknown-version",
    "not-live",
    "role-pair",
    "opaque",
]

#: Each kind with its severity and its meaning.
REMARKS: dict[RemarkCode, tuple[Severity, str]] = {
    "empty-selector": (Severity.ERROR, "No header can fit the rule, whatever stands before it."),
    "never-fires": (
        Severity.ERROR,
        "Earlier rules take every file that fits the rule, and do something else with it.",
    ),
    "redundant": (
        Severity.WARNING,
        "Earlier rules take every file that fits the rule, and do the same with it.",
    ),
    "conflict": (
        Severity.WARNING,
        (
            "Two rules share files and treat them differently, and neither is the narrower one:"
            " only their order decides."
        ),
    ),
    "endless-clone": (Severity.WARNING, "A clone has no end: it copies for ever."),
    "clone-loop": (
        Severity.ERROR,
        "Copies are readdressed in a ring: each would be cloned again, for ever.",
    ),
    "window-over": (Severity.ADVICE, "The rule's window is over."),
    "window-gap": (
        Severity.WARNING,
        "Between the window of one rule and the next lies a day or less that no rule covers.",
    ),
    "unused-destination": (Severity.WARNING, "No rule sends to the destination."),
    "unused-list": (Severity.WARNING, "No rule asks for the list."),
    "test-live-mixed": (
        Severity.WARNING,
        "A rule sends to live and to test destinations; each file reaches only its own kind.",
    ),
    "unknown-flow": (Severity.WARNING, "The catalogue has no such flow."),
    "unknown-version": (Severity.WARNING, "The catalogue has the flow, but not this version."),
    "not-live": (Severity.WARNING, "The flow version is not live at any time in the window."),
    "role-pair": (
        Severity.WARNING,
        "The catalogue lets none of the rule's flows travel between these roles.",
    ),
    "opaque": (Severity.INFO, "A predicate in Python: the rule is left out of the analysis."),
}


@frozen(kw_only=True)
class Remark:
    """One remark.

    Attributes:
        code: its kind, a key of `REMARKS`.
        message: one sentence.
        rule: the rule, destination or list that it is about.
        line: where that stands, 0 if built in code.
        others: the other rules it is about: those that block, conflict, or join the ring.
        differs: for a rule that never fires, whether the outcome differs.
    """

    code: RemarkCode
    message: str
    rule: str = ""
    line: int = 0
    others: tuple[str, ...] = ()
    differs: bool | None = None

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return REMARKS[self.code][0]

    def __str__(self) -> str:
        place = f"{self.line}: " if self.line else ""
        return f"{place}{self.severity.value}: {self.message} [{self.code}]"

    def as_json(self) -> dict[str, object]:
        """The remark as a JSON object."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "rule": self.rule,
            "line": self.line,
            "others": list(self.others),
            "differs": self.differs,
            "message": self.message,
        }
