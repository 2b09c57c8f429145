"""SFTP as configurations know it.

In: checked options.  Out: an outbox or an inbox.  This module loads no library of SFTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dflow.transport.directory_in import Ready
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.ports import Inbox, Outbox
from dflow.transport.secret import Secret
from dflow.transport.sftp.inbox import SftpInbox
from dflow.transport.sftp.outbox import SftpOutbox
from dflow.transport.sftp.server import SftpServer

__all__ = ["KIND"]

_READY: tuple[Ready, ...] = ("stable", "age", "done-file", "named")

_SERVER = (
    Option(name="host", kind="text", required=True, meaning="The server's name or address."),
    Option(name="port", kind="count", default=22, meaning="Where it listens."),
    Option(name="user", kind="text", required=True, meaning="As whom to log in."),
    Option(name="password", kind="secret", meaning="If the server asks for one."),
    Option(name="key_file", kind="path", meaning="A private key, if the server asks for one."),
    Option(name="passphrase", kind="secret", meaning="Of the private key, if it is encrypted."),
    Option(
        name="agent",
        kind="flag",
        default=False,
        meaning="Whether keys of a running SSH agent may be used.",
    ),
    Option(
        name="host_key",
        kind="text",
        default="",
        meaning="The key that the server must show: its fingerprint `SHA256:...`, or the key.",
    ),
    Option(
        name="known_hosts",
        kind="path",
        meaning="Where its key is looked up without `host_key`; `~/.ssh/known_hosts` if left out.",
    ),
    Option(
        name="timeout",
        kind="seconds",
        default=30.0,
        meaning="Without any answer, after which a connection is given up.",
    ),
)

_OUT = (
    *_SERVER,
    Option(
        name="path",
        kind="text",
        default=".",
        meaning="The folder on the server, which must be there; relative to the login's.",
    ),
    Option(
        name="name",
        kind="template",
        default="{name}",
        meaning="The files' names, with words of the header in braces; `/` makes folders.",
    ),
    Option(
        name="sidecar",
        kind="flag",
        default=True,
        meaning="Whether a copy's provenance is written beside it, as NAME.provenance.json.",
    ),
    Option(
        name="keep_keys",
        kind="seconds",
        default=90 * 86400.0,
        meaning="For how long a delivered key is remembered.",
    ),
    Option(
        name="connections",
        kind="count",
        default=1,
        least=1,
        meaning="So many at most; each carries several files at once.",
    ),
)

_IN = (
    *_SERVER,
    Option(
        name="path",
        kind="text",
        default=".",
        meaning="The folder on the server, which must be there; relative to the login's.",
    ),
    Option(name="pattern", kind="text", default="*", meaning="Which names to take."),
    Option(
        name="ready",
        kind="text",
        default="stable",
        choices=_READY,
        meaning="How a whole file is told from one that is being written.",
    ),
    Option(name="settle", kind="seconds", default=1.0, meaning="For `stable` and `age`: how long."),
    Option(name="done_suffix", kind="text", default=".done", meaning="For `done-file`."),
    Option(
        name="after",
        kind="text",
        default="archive",
        choices=("archive", "remove"),
        meaning="What becomes of a file once the journal has it.",
    ),
    Option(
        name="archive",
        kind="text",
        meaning="The server's folder for archived files; `.dflow/done` if left out.",
    ),
    Option(
        name="largest",
        kind="count",
        default=1 << 30,
        meaning="Bytes; a larger file is set aside as unreadable.",
    ),
    Option(name="poll", kind="seconds", default=1.0, meaning="Between two looks."),
    Option(
        name="lease",
        kind="seconds",
        default=60.0,
        least=1,
        meaning="Without a sign of life, after which others adopt a reader's claims.",
    ),
)


def _number(value: Setting) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: Setting) -> str | None:
    return None if value is None else str(value)


def _server(settings: Mapping[str, Setting]) -> SftpServer:
    password, passphrase = settings["password"], settings["passphrase"]
    key_file, known_hosts = settings["key_file"], settings["known_hosts"]
    return SftpServer(
        host=str(settings["host"]),
        port=int(_number(settings["port"])),
        user=str(settings["user"]),
        password=password if isinstance(password, Secret) else None,
        key_file=key_file if isinstance(key_file, Path) else None,
        passphrase=passphrase if isinstance(passphrase, Secret) else None,
        agent=bool(settings["agent"]),
        host_key=str(settings["host_key"]),
        known_hosts=known_hosts if isinstance(known_hosts, Path) else None,
        timeout=_number(settings["timeout"]),
    )


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    return SftpOutbox(
        server=_server(settings),
        path=str(settings["path"]),
        template=str(settings["name"]),
        sidecar=bool(settings["sidecar"]),
        keep_keys=_number(settings["keep_keys"]),
        connections=int(_number(settings["connections"])),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    return SftpInbox(
        server=_server(settings),
        path=str(settings["path"]),
        pattern=str(settings["pattern"]),
        ready=next(one for one in _READY if one == settings["ready"]),
        settle=_number(settings["settle"]),
        done_suffix=str(settings["done_suffix"]),
        after="remove" if settings["after"] == "remove" else "archive",
        archive=_text(settings["archive"]),
        largest=int(_number(settings["largest"])),
        poll=_number(settings["poll"]),
        lease=_number(settings["lease"]),
    )


#: `transport = "sftp"`.
KIND = TransportKind(name="sftp", out=_OUT, into=_IN, outbox=_outbox, inbox=_inbox)
