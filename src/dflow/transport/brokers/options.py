"""What a configuration may say of a broker, whichever it is.

In: options as plain values, already checked.  Out: a `Server`, and numbers.  This module
does not know any broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dflow.transport.kinds import Option, Setting
from dflow.transport.secret import Secret
from dflow.transport.server import Server

__all__ = ["count_of", "missing_extra", "number_of", "server_of", "server_options", "text_of"]


def server_options(*schemes: str, example: str) -> tuple[Option, ...]:
    """The options that say where a broker is; the last of the schemes means TLS."""
    return (
        Option(
            name="url",
            kind="url",
            required=True,
            schemes=schemes,
            meaning=f"Such as `{example}`; `{schemes[-1]}://` means TLS. No password in it.",
        ),
        Option(name="user", kind="text", default="", meaning="Who asks; nobody if left out."),
        Option(name="password", kind="secret", meaning="The user's password, by reference."),
        Option(
            name="ca",
            kind="path",
            meaning="PEM file of the authorities to trust; the system's if left out.",
        ),
        Option(name="certificate", kind="path", meaning="PEM file of our own, for mutual TLS."),
        Option(name="key", kind="path", meaning="Its private key, if it is in another file."),
    )


def server_of(settings: Mapping[str, Setting]) -> Server:
    """The server that options name."""
    password = settings["password"]
    return Server(
        url=text_of(settings["url"]),
        user=text_of(settings["user"]),
        password=password if isinstance(password, Secret) else None,
        ca=_path_of(settings["ca"]),
        certificate=_path_of(settings["certificate"]),
        key=_path_of(settings["key"]),
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


def _path_of(value: Setting) -> Path | None:
    return value if isinstance(value, Path) else None


def missing_extra(name: str) -> str:
    """What is said where a transport's library is not installed."""
    return f"transport {name} needs the extra: pip install dflow[{name}]"
