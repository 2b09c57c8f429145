"""Which server, as whom, and by which key it is known.

In: settings.  Out: one frozen value.  This module opens nothing.

A server's key is always checked: against `host_key` if it is given, else against a
``known_hosts`` file.  There is no way to leave that out.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from attrs import field, frozen

from dflow.transport.secret import Secret

__all__ = ["SftpServer"]

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY_LINE = re.compile(r"(ssh-|ecdsa-|sk-)[A-Za-z0-9@.\-]+ +[A-Za-z0-9+/=]+( .*)?")


def _pin(_: object, __: object, value: str) -> None:
    if value and not (_FINGERPRINT.fullmatch(value) or _is_key(value)):
        raise ValueError(
            "host_key is neither SHA256:... as `ssh-keygen -lf` prints it, nor a public key "
            "such as 'ssh-ed25519 AAAA...'"
        )


def _is_key(value: str) -> bool:
    if not _KEY_LINE.fullmatch(value):
        return False
    try:
        base64.b64decode(value.split()[1], validate=True)
    except binascii.Error:
        return False
    return True


@frozen(kw_only=True)
class SftpServer:
    """A server and how it is spoken to.

    Attributes:
        host: its name or address.
        user: as whom to log in.
        port: where it listens.
        password: if it asks for one.
        key_file: a private key, if it asks for one.
        passphrase: of the private key, if it is encrypted.
        agent: whether keys of a running SSH agent may be used.
        host_key: the key it must show: its fingerprint ``SHA256:...``, or the public key.
        known_hosts: where its key is looked up if `host_key` is not given; the user's own
            ``~/.ssh/known_hosts`` if neither is.
        timeout: seconds without any answer after which a connection is given up.
    """

    host: str
    user: str
    port: int = 22
    password: Secret | None = None
    key_file: Path | None = None
    passphrase: Secret | None = None
    agent: bool = False
    host_key: str = field(default="", validator=_pin)
    known_hosts: Path | None = None
    timeout: float = 30.0

    @property
    def place(self) -> str:
        """Host and port, as they are told to people."""
        return self.host if self.port == 22 else f"{self.host}:{self.port}"
