"""A real mail server for tests (aiosmtpd), with TLS, logins and moods."""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.policy
import functools
import ipaddress
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dflow.testing.transports import Endpoint
from dflow.transport import Secret
from dflow.transport.mail import MailOutbox, MailServer
from services import free_port, kept

PASSWORD = "correct horse"


@functools.cache
def certificate() -> Path:
    """A throw-away certificate for 127.0.0.1, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = kept("mail") / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@define(eq=False)
class Mailbox:
    """What the server took, and what it answers."""

    messages: list[EmailMessage] = field(factory=list)
    answers: dict[str, str] = field(factory=dict)

    async def handle_MAIL(  # noqa: N802  aiosmtpd's
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  the library's own name
        if "DATA" in self.answers:
            return self.answers["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@define(eq=False, kw_only=True)
class MailRig:
    """A server, its mailbox, and outboxes to it."""

    box: Mailbox
    server: Endpoint
    security: str = "starttls"

    def settings(self, via: Endpoint | None = None, **changes: object) -> MailServer:
        values: dict[str, object] = {
            "host": (via or self.server).host,
            "port": (via or self.server).port,
            "security": self.security,
            "ca_file": certificate(),
            "user": "dflow",
            "password": Secret(PASSWORD),
            "timeout": 5.0,
        }
        return MailServer(**{**values, **changes})  # type: ignore[arg-type]  # as they are named

    def outbox(self, via: Endpoint | None = None) -> MailOutbox:
        return self.made(self.settings(via))

    def made(self, server: MailServer) -> MailOutbox:
        return MailOutbox(
            server=server, sender="dflow@sender.example", recipients=("files@agent.example",)
        )

    def inbox(self, via: Endpoint | None = None) -> None:
        return None

    def delivered(self) -> list[tuple[str, bytes]]:
        found = []
        for message in list(self.box.messages):
            part = next(message.iter_attachments())
            content = part.get_content()
            assert isinstance(content, bytes)
            found.append((part.get_filename() or "", content))
        return found


def _login(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    fits = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
    return AuthResult(success=fits, handled=False)


@contextlib.contextmanager
def mail_server(security: str = "starttls") -> Iterator[MailRig]:
    """A server on a free port."""
    box, port = Mailbox(), free_port()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate())
    if security == "loopback":
        controller = Controller(box, hostname="127.0.0.1", port=port)
    else:
        tls = {"tls_context": context, "require_starttls": True, "auth_required": True}
        whole = {"ssl_context": context, "auth_require_tls": False}
        controller = Controller(
            box,
            hostname="127.0.0.1",
            port=port,
            authenticator=_login,
            **(tls if security == "starttls" else whole),  # type: ignore[arg-type]  # the table's words are right
        )
    controller.start()
    try:
        yield MailRig(box=box, server=Endpoint("127.0.0.1", port), security=security)
    finally:
        controller.stop()
