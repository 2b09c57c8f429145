"""SFTP as configurations know it.

In: checked options.  Out: an outbox or an inbox.  This module loads no library of SFTP.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.folder_options import NAME, SIDECAR, WHOLE, ready_of
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import (
    PATTERN,
    TIMEOUT,
    after,
    count_of,
    keep_keys,
    largest,
    number_of,
    path_of,
    poll,
    secret_of,
)
from dflow.transport.ports import Inbox, Outbox
from dflow.transport.sftp.inbox import SftpInbox
from dflow.transport.sftp.outbox import SftpOutbox
from dflow.transport.sftp.server import SftpServer

__all__ = ["KIND"]

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
    TIMEOUT,
)

_PATH = Option(
    name="path",
    kind="text",
    default=".",
    meaning="The folder on the server, which must be there; relative to the login's.",
)

_OUT = (
    *_SERVER,
    _PATH,
    NAME,
    SIDECAR,
    keep_keys(90),
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
    _PATH,
    PATTERN,
    *WHOLE,
    after("a file"),
    Option(
        name="archive",
        kind="text",
        meaning="The server's folder for archived files; `.dflow/done` if left out.",
    ),
    largest("file"),
    poll(1.0),
    Option(
        name="lease",
        kind="seconds",
        default=60.0,
        least=1,
        meaning="Without a sign of life, after which others adopt a reader's claims.",
    ),
)


def _text(value: Setting) -> str | None:
    return None if value is None else str(value)


def _server(settings: Mapping[str, Setting]) -> SftpServer:
    return SftpServer(
        host=str(settings["host"]),
        port=count_of(settings["port"]),
        user=str(settings["user"]),
        password=secret_of(settings["password"]),
        key_file=path_of(settings["key_file"]),
        passphrase=secret_of(settings["passphrase"]),
        agent=bool(settings["agent"]),
        host_key=str(settings["host_key"]),
        known_hosts=path_of(settings["known_hosts"]),
        timeout=number_of(settings["timeout"]),
    )


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    return SftpOutbox(
        server=_server(settings),
        path=str(settings["path"]),
        template=str(settings["name"]),
        sidecar=bool(settings["sidecar"]),
        keep_keys=number_of(settings["keep_keys"]),
        connections=count_of(settings["connections"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    return SftpInbox(
        server=_server(settings),
        path=str(settings["path"]),
        pattern=str(settings["pattern"]),
        ready=ready_of(settings),
        settle=number_of(settings["settle"]),
        done_suffix=str(settings["done_suffix"]),
        after="remove" if settings["after"] == "remove" else "archive",
        archive=_text(settings["archive"]),
        largest=count_of(settings["largest"]),
        poll=number_of(settings["poll"]),
        lease=number_of(settings["lease"]),
    )


#: `transport = "sftp"`.
KIND = TransportKind(name="sftp", out=_OUT, into=_IN, outbox=_outbox, inbox=_inbox)
