"""Where a server is, who asks, and how the server proves itself.

In: a URL, a user, a secret, certificates.  Out: a host, a port, a TLS context, and words
for what went wrong on the way.  This module opens no connection.

A password never stands in a URL, because URLs are written into logs; it is a `Secret`.
A server's certificate and name are always verified where the URL's scheme means TLS.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen

from dflow.transport.faults import Unavailable
from dflow.transport.secret import Secret

__all__ = ["Server", "url_mistakes"]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def url_mistakes(url: str, schemes: Sequence[str] = ()) -> list[str]:
    """What is wrong with the URL of a server; nothing if it can be used.

    >>> url_mistakes("nats://broker.example:4222", ["nats", "tls"])
    []
    >>> url_mistakes("nats://me:hunter2@broker.example", ["nats", "tls"])
    ['a user and a password do not stand in a URL: give `user` and `password`']
    """
    parts = _split(url)
    if parts is None:
        return ["it is no URL"]
    if "@" in parts.netloc:
        return ["a user and a password do not stand in a URL: give `user` and `password`"]
    mistakes: list[str] = []
    if schemes and parts.scheme not in schemes:
        known = " or ".join(f"{one}://" for one in schemes)
        mistakes.append(f"it starts with {known}")
    if not parts.hostname or not url.isprintable() or " " in url:
        mistakes.append("it names no host")
    if parts.query or parts.fragment:
        mistakes.append("it ends before any ? or #: options have keys of their own")
    return mistakes


def _usable(_: object, __: object, url: str) -> None:
    if mistakes := url_mistakes(url):
        raise ValueError("; ".join(mistakes))


@frozen(kw_only=True)
class Server:
    """A server, and how to prove who is who.

    Attributes:
        url: scheme, host and port, without user and password.
        user: who asks; empty for nobody.
        password: the user's secret.
        ca: certificates of the authorities to trust, in PEM; the system's if not given.
        certificate: the client's own certificate, in PEM, for mutual TLS.
        key: its private key; in the certificate's file if not given.
    """

    url: str = field(validator=_usable)
    user: str = ""
    password: Secret | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def scheme(self) -> str:
        """What the URL starts with."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """The host's name or address."""
        return urlsplit(self.url).hostname or ""

    def port(self, default: int) -> int:
        """The port, or the protocol's own."""
        return urlsplit(self.url).port or default

    @property
    def path(self) -> str:
        """What follows the port, without its first slash, decoded."""
        return unquote(urlsplit(self.url).path.removeprefix("/"))

    @property
    def secret(self) -> str:
        """The password, for the library that needs it; keep it nowhere."""
        return self.password.reveal() if self.password is not None else ""

    def tls(self) -> ssl.SSLContext:
        """A context that verifies the server's certificate and name.

        Raises:
            Unavailable: a file of it cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            words = _file_words(error, "the certificates of an authority")
            raise Unavailable(f"ca {self.ca}: {words}") from error
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key)
            except (OSError, ssl.SSLError) as error:
                words = _file_words(error, "a certificate and its private key")
                raise Unavailable(f"certificate {self.certificate}: {words}") from error
        return context

    def why(self, error: BaseException) -> str:
        """Why it could not be reached, and what mends it, in words without secrets."""
        return f"{self.url}: {_reason(error)}"


def _file_words(error: Exception, expected: str) -> str:
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        return f"it does not hold {expected} in PEM"
    return error.strerror or type(error).__name__


def _reason(error: BaseException) -> str:
    """The first cause of an error that can be named."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            break
        if words := _named(seen):
            return words
        seen = seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__


def _named(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = _REMEDIES.get(error.verify_code, "give their authority's as `ca`")
        why = error.verify_message or "it cannot be verified"
        return f"its certificate is refused: {why}: {remedy}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS there: {error.reason or error}: check the scheme and the port"
    return next((words for kind, words in _REASONS.items() if isinstance(error, kind)), "")


#: By OpenSSL's numbers for what may be wrong with a certificate.
_REMEDIES = {
    10: "they have to renew it",
    62: "connect by a name that stands in it",
    64: "connect by an address that stands in it",
}

_REASONS: dict[type[BaseException], str] = {
    ConnectionRefusedError: "nobody listens there: is the server running, and the port right?",
    socket.gaierror: "no such host: is the name right?",
    TimeoutError: "no answer in time: is the port right, and does a firewall stand between?",
    ConnectionResetError: "the connection was cut by the other side",
    BrokenPipeError: "the connection was cut by the other side",
}
