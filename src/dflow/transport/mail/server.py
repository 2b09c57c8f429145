"""Which mail server, as whom, and how the line to it is protected.

In: settings.  Out: one frozen value, and the context of its TLS.  This module opens
nothing.
"""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import Literal

from attrs import frozen

from dflow.transport.faults import Unavailable
from dflow.transport.secret import Secret

__all__ = ["MailServer", "Security"]

#: ``starttls`` and ``tls`` check the server's certificate; ``loopback`` has no TLS, and is
#: for a relay on this machine only.
Security = Literal["starttls", "tls", "loopback"]


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@frozen(kw_only=True)
class MailServer:
    """A mail server and how it is spoken to.

    Attributes:
        host: its name or address, which its certificate must bear.
        port: where it listens.
        security: how the line is protected; its certificate is always checked.
        ca_file: certificates to trust instead of the system's.
        user: as whom to log in; nobody if empty.
        password: for the login.
        timeout: seconds without any answer after which it is given up.
    """

    host: str
    port: int = 587
    security: Security = "starttls"
    ca_file: Path | None = None
    user: str = ""
    password: Secret | None = None
    timeout: float = 30.0

    def __attrs_post_init__(self) -> None:
        if self.security == "loopback" and not _is_here(self.host):
            raise ValueError(
                f"security 'loopback' has no TLS and is for this machine only, not {self.host}; "
                "use 'starttls' or 'tls'"
            )
        if self.security == "loopback" and self.user:
            raise ValueError("security 'loopback' sends no password; leave user out, or use TLS")
        if self.user and self.password is None:
            raise ValueError("a user needs a password")

    @property
    def place(self) -> str:
        """Host and port, as they are told to people."""
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """What checks the server's certificate.

        Raises:
            Unavailable: `ca_file` cannot be used.
        """
        try:
            return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise Unavailable(f"{self.ca_file}: the ca_file cannot be used: {words}") from error
