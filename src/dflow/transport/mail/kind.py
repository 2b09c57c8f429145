"""E-mail as configurations know it.

In: checked options.  Out: an outbox.  This module opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import TIMEOUT, count_of, number_of, path_of, secret_of
from dflow.transport.ports import Outbox

__all__ = ["KIND"]

_SECURITY = ("starttls", "tls", "loopback")

_OUT = (
    Option(name="host", kind="text", required=True, meaning="The mail server's name."),
    Option(name="port", kind="count", default=587, meaning="Where it listens."),
    Option(
        name="security",
        kind="text",
        default="starttls",
        choices=_SECURITY,
        meaning="TLS, its certificate checked; `loopback` has none, and is for this machine only.",
    ),
    Option(name="ca_file", kind="path", meaning="Certificates to trust instead of the system's."),
    Option(name="user", kind="text", default="", meaning="As whom to log in; nobody if empty."),
    Option(name="password", kind="secret", meaning="For the login."),
    TIMEOUT,
    Option(name="sender", kind="text", required=True, meaning="The address it is from."),
    Option(
        name="recipients",
        kind="texts",
        required=True,
        meaning="The addresses it goes to: all of them, or it is not sent.",
    ),
    Option(
        name="subject",
        kind="text",
        default="{flow} {file_id}",
        meaning="With words of the header in braces.",
    ),
    Option(
        name="body",
        kind="text",
        default="File {file_id} ({flow}) is attached.",
        meaning="The text before the attachment, with words of the header in braces.",
    ),
    Option(
        name="sidecar",
        kind="flag",
        default=True,
        meaning="Whether a copy's provenance is attached too, as NAME.provenance.json.",
    ),
    Option(
        name="largest",
        kind="count",
        default=20_000_000,
        meaning="Bytes; a larger file is refused, since mail servers would.",
    ),
)


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.mail.outbox import MailOutbox
    from dflow.transport.mail.server import MailServer, Security

    securities: tuple[Security, ...] = ("starttls", "tls", "loopback")
    recipients = settings["recipients"]
    return MailOutbox(
        server=MailServer(
            host=str(settings["host"]),
            port=count_of(settings["port"]),
            security=next(one for one in securities if one == settings["security"]),
            ca_file=path_of(settings["ca_file"]),
            user=str(settings["user"]),
            password=secret_of(settings["password"]),
            timeout=number_of(settings["timeout"]),
        ),
        sender=str(settings["sender"]),
        recipients=recipients if isinstance(recipients, tuple) else (str(recipients),),
        subject=str(settings["subject"]),
        body=str(settings["body"]),
        sidecar=bool(settings["sidecar"]),
        largest=count_of(settings["largest"]),
    )


#: `transport = "mail"`.
KIND = TransportKind(name="mail", out=_OUT, outbox=_outbox)
