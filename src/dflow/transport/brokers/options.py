"""What a configuration may say of a broker, whichever it is.

In: options as plain values, already checked.  Out: a `Server`.  This module does not know
any broker; plain values are read by `dflow.transport.options`.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.kinds import Option, Setting
from dflow.transport.options import count_of, number_of, path_of, secret_of, text_of
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
    return Server(
        url=text_of(settings["url"]),
        user=text_of(settings["user"]),
        password=secret_of(settings["password"]),
        ca=path_of(settings["ca"]),
        certificate=path_of(settings["certificate"]),
        key=path_of(settings["key"]),
    )


def missing_extra(name: str) -> str:
    """What is said where a transport's library is not installed."""
    return f"transport {name} needs the extra: pip install dflow[{name}]"
