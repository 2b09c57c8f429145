"""What a configuration may say of webhooks.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
imports no third-party library and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import count_of, number_of, path_of, secret_of

if TYPE_CHECKING:
    from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_OUT = (
    Option(
        name="url",
        kind="text",
        required=True,
        meaning="Where to: `https://`, or `http://` for this machine.",
    ),
    Option(name="secret", kind="secret", meaning="Signs requests by HMAC-SHA256."),
    Option(
        name="signing_key",
        kind="secret",
        meaning="A private RSA key in PEM; signs requests by RSA-PSS instead.",
    ),
    Option(name="signing_key_password", kind="secret", meaning="Of the signing key."),
    Option(
        name="key_id",
        kind="text",
        default="",
        meaning="The name of the secret or key, sent openly.",
    ),
    Option(
        name="ca_file",
        kind="path",
        meaning="Certificates that the server's is checked against, instead of the system's.",
    ),
    Option(name="client_cert", kind="path", meaning="Own certificate in PEM."),
    Option(name="client_key", kind="path", meaning="Its private key, if in another file."),
    Option(name="client_key_password", kind="secret", meaning="Of the private key."),
    Option(
        name="probe",
        kind="flag",
        default=True,
        meaning="Whether the service answers questions for a key, as dflow's way in does.",
    ),
    Option(
        name="patience",
        kind="seconds",
        default=30.0,
        least=0.001,
        meaning="For a connection, and for each part of an answer.",
    ),
    Option(
        name="plain",
        kind="flag",
        default=False,
        meaning="Whether `http://` may be used to other machines.",
    ),
    Option(
        name="trust_env",
        kind="flag",
        default=False,
        meaning="Whether proxies are taken from the environment.",
    ),
)

_IN = (
    Option(
        name="spool",
        kind="path",
        required=True,
        meaning="A folder of its own, in which requests wait; made if missing.",
    ),
    Option(name="host", kind="text", default="127.0.0.1", meaning="The address to listen at."),
    Option(name="port", kind="count", required=True, meaning="The port to listen at."),
    Option(name="secret", kind="secret", meaning="What senders sign with, by HMAC-SHA256."),
    Option(name="sender_key", kind="path", meaning="The sender's public RSA key in PEM, instead."),
    Option(name="key_id", kind="text", default="", meaning="The name of the secret or key."),
    Option(
        name="window",
        kind="seconds",
        default=300.0,
        meaning="By which a request's time may differ from this clock.",
    ),
    Option(name="cert", kind="path", meaning="The server's certificate in PEM."),
    Option(name="key", kind="path", meaning="Its private key, if in another file."),
    Option(name="key_password", kind="secret", meaning="Of the private key."),
    Option(
        name="client_ca",
        kind="path",
        meaning="Clients need a certificate that one of these signed.",
    ),
    Option(name="largest", kind="count", default=64 << 20, meaning="Bytes of a body."),
    Option(
        name="most",
        kind="count",
        default=10_000,
        meaning="So many requests may wait; further ones are answered with 503.",
    ),
    Option(
        name="keep_keys",
        kind="seconds",
        default=90 * 86400.0,
        meaning="For how long a key is known.",
    ),
    Option(
        name="public_path",
        kind="text",
        meaning="The path that senders use, where a proxy in front changes it.",
    ),
)


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.http.outbox import HttpOutbox
    from dflow.transport.http.signing import HmacSha256, RsaPss, Signer

    secret, private = secret_of(settings["secret"]), secret_of(settings["signing_key"])
    key_id = str(settings["key_id"])
    if secret and private:
        raise ValueError("secret and signing_key are two ways to sign: give one")
    signer: Signer | None = None
    if secret:
        signer = HmacSha256(secret=secret, key_id=key_id)
    elif private:
        password = secret_of(settings["signing_key_password"])
        signer = RsaPss(private_key=private, password=password, key_id=key_id)
    return HttpOutbox(
        url=str(settings["url"]),
        signer=signer,
        ca_file=path_of(settings["ca_file"]),
        client_cert=path_of(settings["client_cert"]),
        client_key=path_of(settings["client_key"]),
        client_key_password=secret_of(settings["client_key_password"]),
        asks=bool(settings["probe"]),
        patience=number_of(settings["patience"]),
        plain=bool(settings["plain"]),
        trust_env=bool(settings["trust_env"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from dflow.transport.http.inbox import HttpInbox
    from dflow.transport.http.signing import HmacSha256, RsaPssPublic, Verifier

    secret, public = secret_of(settings["secret"]), path_of(settings["sender_key"])
    if secret and public:
        raise ValueError("secret and sender_key are two ways to verify: give one")
    client_ca, key_id = path_of(settings["client_ca"]), str(settings["key_id"])
    window = number_of(settings["window"])
    verifier: Verifier | None = None
    if secret:
        verifier = HmacSha256(secret=secret, key_id=key_id, window=window)
    elif public:
        try:
            pem = public.read_text("ascii")
        except (OSError, ValueError) as error:
            raise ValueError(f"sender_key {public} cannot be read") from error
        verifier = RsaPssPublic(public_key=pem, key_id=key_id, window=window)
    elif client_ca is None:
        raise ValueError("anyone could send: give secret, sender_key or client_ca")
    path = settings["public_path"]
    return HttpInbox(
        spool=path_of(settings["spool"]) or Path(),
        verifier=verifier,
        largest=count_of(settings["largest"]),
        most=count_of(settings["most"]),
        keep_keys=number_of(settings["keep_keys"]),
        public_path=str(path) if path else None,
        host=str(settings["host"]),
        port=count_of(settings["port"]),
        cert=path_of(settings["cert"]),
        key=path_of(settings["key"]),
        key_password=secret_of(settings["key_password"]),
        client_ca=client_ca,
    )


#: Webhooks, out and in.
KIND = TransportKind(name="http", out=_OUT, into=_IN, outbox=_outbox, inbox=_inbox)
