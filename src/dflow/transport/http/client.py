"""Connections to web services: what is trusted, and what a failure of one means.

In: files of certificates; exceptions.  Out: a client of httpx; words with a remedy.  This
module does not know parcels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow.transport.faults import Unavailable
from dflow.transport.secret import Secret

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["client_of", "handshake", "reason_of", "tls_of"]

#: What a handshake's alert or a failed check means, by a part of its name.
_TLS_WORDS = (
    ("certificate_required", "the server asks for a client certificate: set client_cert"),
    ("certificate required", "the server asks for a client certificate: set client_cert"),
    ("certificate has expired", "the server's certificate has expired: it has to be renewed there"),
    ("alert certificate expired", "this client's certificate has expired: renew client_cert"),
    ("alert certificate_expired", "this client's certificate has expired: renew client_cert"),
    ("hostname mismatch", "the server's certificate is for another host: check the url"),
    ("ip address mismatch", "the server's certificate is for another host: check the url"),
    ("alert unknown ca", "the server does not trust this client's certificate: check client_cert"),
    ("alert bad certificate", "the server refuses this client's certificate: check client_cert"),
    (
        "self-signed certificate",
        "the server's certificate is signed by nobody trusted: set ca_file",
    ),
    (
        "unable to get local issuer",
        "the server's certificate is not signed by a trusted authority: set ca_file",
    ),
)


def tls_of(
    *, ca_file: Path | None, cert: Path | None, key: Path | None, password: Secret | None
) -> ssl.SSLContext:
    """What is trusted, and who this client is.

    Raises:
        Unavailable: a file is missing or is not what it should be.
    """
    import ssl

    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(f"ca_file {ca_file}: {_short(error)}; it has to be PEM") from error
    if cert is not None:
        # Without a password, OpenSSL would ask for one at the terminal.
        given = password.reveal() if password else ""
        try:
            context.load_cert_chain(cert, key, lambda: given)
        except (OSError, ssl.SSLError) as error:
            shown = f"client_cert {cert}" + (f", client_key {key}" if key else "")
            raise Unavailable(f"{shown}: {_short(error)}; both have to be PEM") from error
    return context


def client_of(tls: ssl.SSLContext, *, patience: float, trust_env: bool) -> httpx.AsyncClient:
    """A client that follows no redirects and keeps no cookies' worth of state.

    Raises:
        Unavailable: httpx is not installed.
    """
    try:
        import httpx
    except ModuleNotFoundError as error:
        raise Unavailable("transport http needs the extra: pip install dflow[http]") from error
    return httpx.AsyncClient(
        verify=tls,
        timeout=httpx.Timeout(patience, connect=min(patience, 10.0)),
        follow_redirects=False,
        trust_env=trust_env,
        headers={"user-agent": "dflow", "accept-encoding": "identity"},
    )


def reason_of(error: httpx.HTTPError | OSError) -> tuple[bool, str]:
    """Whether it is certain that the server has not taken the request, and why it failed."""
    import httpx

    if words := _tls_words(str(error)):
        return True, words
    if isinstance(error, httpx.ConnectTimeout):
        return True, "no connection within the time; the host may be down or a firewall in between"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.PoolTimeout):
        told = _plain(str(error)).removeprefix("All connection attempts failed")
        words = f"no connection{told and ': '}{told}"
        return True, f"{words}; check the url, and whether the server runs"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return True, f"the request cannot be sent: {_plain(str(error))}"
    if isinstance(error, httpx.ReadTimeout):
        return False, "no answer within the time, after the request was sent"
    return False, f"the connection broke: {_plain(str(error)) or type(error).__name__}"


def handshake(tls: ssl.SSLContext, host: str, port: int) -> tuple[bool, str]:
    """Why a server does not trust this client's certificate, and whether it said so itself.

    A server says so after the client's handshake is over, in an alert that asynchronous
    streams lose when the connection breaks; a handshake of its own, which blocks, hears it.
    Some servers, those on asyncio among them, send no alert and only hang up.
    """
    import socket

    closed = "the server hangs up after the handshake: does it ask for another client_cert?"
    try:
        with (
            socket.create_connection((host, port), timeout=2.0) as plain,
            tls.wrap_socket(plain, server_hostname=host) as peer,
        ):
            try:
                return (False, "") if peer.recv(1) else (False, closed)
            except ConnectionError:
                return False, closed
    except OSError as error:  # of which ssl.SSLError and TimeoutError are kinds
        words = _tls_words(str(error))
        return bool(words), words


def _tls_words(told: str) -> str:
    told = told.lower()
    return next((words for part, words in _TLS_WORDS if part in told), "")


def _plain(text: str) -> str:
    return " ".join(text.split())[:200]


def _short(error: Exception) -> str:
    return _plain(getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error))
