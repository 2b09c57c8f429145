"""What a configuration may say of several transports, each option made once.

In: what differs from transport to transport: a default, a least number, a word.  Out: an
`Option`; and plain values, of settings that were checked against options.  This module does
not know which transport asks: what folders share is in `dflow.transport.folder_options`,
what brokers share in `dflow.transport.brokers.options`.
"""

from __future__ import annotations

from pathlib import Path

from dflow.transport.kinds import Option, Setting
from dflow.transport.secret import Secret

__all__ = [
    "PATTERN",
    "TIMEOUT",
    "after",
    "count_of",
    "keep_keys",
    "largest",
    "number_of",
    "path_of",
    "poll",
    "prefetch",
    "secret_of",
    "text_of",
]

_DAY = 86400.0

#: Which of the things that lie there are taken.
PATTERN = Option(
    name="pattern",
    kind="text",
    default="*",
    meaning="Which names to take; never one that starts with a dot.",
)

#: For how long the other side may be silent.
TIMEOUT = Option(
    name="timeout",
    kind="seconds",
    default=30.0,
    meaning="Without any answer, after which a connection is given up.",
)


def largest(what: str) -> Option:
    """How many bytes an arrival may have at most; `what` arrives, such as a file."""
    return Option(
        name="largest",
        kind="count",
        default=1 << 30,
        meaning=f"Bytes; a larger {what} is set aside as unreadable.",
    )


def after(what: str) -> Option:
    """What becomes of an arrival that is done; `what` arrives, such as a file."""
    return Option(
        name="after",
        kind="text",
        default="archive",
        choices=("archive", "remove"),
        meaning=f"What becomes of {what} once the journal has it.",
    )


def poll(seconds: float, *, least: float = 0) -> Option:
    """How often is looked; by default every so many seconds."""
    return Option(
        name="poll", kind="seconds", default=seconds, least=least, meaning="Between two looks."
    )


def prefetch(number: int, meaning: str) -> Option:
    """How many are taken ahead; what that costs or bounds differs, and is said."""
    return Option(name="prefetch", kind="count", default=number, least=1, meaning=meaning)


def keep_keys(days: int, *, least: float = 0) -> Option:
    """For how long the keys of deliveries are kept; `least` in seconds."""
    return Option(
        name="keep_keys",
        kind="seconds",
        default=days * _DAY,
        least=least,
        meaning="For how long a delivered key is remembered.",
    )


def text_of(value: Setting) -> str:
    """A text; empty if there is none."""
    return value if isinstance(value, str) else ""


def number_of(value: Setting) -> float:
    """A number; zero if there is none."""
    return float(value) if isinstance(value, int | float) else 0.0


def count_of(value: Setting) -> int:
    """A whole number; zero if there is none."""
    return int(number_of(value))


def path_of(value: Setting) -> Path | None:
    """A path, if there is one."""
    return value if isinstance(value, Path) else None


def secret_of(value: Setting) -> Secret | None:
    """A secret, if there is one."""
    return value if isinstance(value, Secret) else None
