"""Transports by name, with the options that a configuration may give them.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
does not read configurations, and holds no registry: a set of kinds is a value that is
passed in.  The set that comes with dflow is `dflow.transport.built_in`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

from dflow.transport.names import template_mistakes
from dflow.transport.ports import Inbox, Outbox
from dflow.transport.secret import Secret
from dflow.transport.server import url_mistakes

__all__ = ["Option", "OptionKind", "Setting", "TransportKind"]

#: What an option's value is in a configuration.  A path is relative to the configuration.
#: A secret is given by reference only, from the environment or from a file.  A URL holds
#: neither user nor password.
OptionKind = Literal[
    "text", "path", "seconds", "count", "number", "flag", "template", "texts", "secret", "url"
]

#: A value that was checked against its option.
Setting = str | int | float | bool | Path | tuple[str, ...] | Secret | None


@frozen(kw_only=True)
class Option:
    """One option of a configuration.

    Attributes:
        name: its key.
        kind: what its value is.
        meaning: one sentence, for the reference page.
        default: the value if it is left out.
        required: whether it may not be left out.
        choices: the values it may have; empty for any of its kind.
        least: the least number.
        schemes: what a URL may start with; empty for anything.
    """

    name: str
    kind: OptionKind
    meaning: str
    default: Setting = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = 0
    schemes: tuple[str, ...] = ()

    def mistakes(self, text: str) -> list[str]:
        """What is wrong with a text value of this option, beyond its kind; never the text."""
        match self.kind:
            case "template":
                return template_mistakes(text)
            case "url":
                return url_mistakes(text, self.schemes)
            case _:
                return []


@frozen(kw_only=True)
class TransportKind:
    """A kind of transport.

    Attributes:
        name: as configurations call it.
        out: options of a mount; None if it has no way out.
        into: options of a source; None if it has no way in.
        outbox: makes the way out.
        inbox: makes the way in.
    """

    name: str
    out: tuple[Option, ...] | None = None
    into: tuple[Option, ...] | None = None
    outbox: Callable[[Mapping[str, Setting]], Outbox] | None = None
    inbox: Callable[[Mapping[str, Setting]], Inbox] | None = None
