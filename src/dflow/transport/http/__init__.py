"""HTTP: signed webhooks out, and a small ASGI application in."""

from dflow.transport.http.inbox import HttpInbox
from dflow.transport.http.outbox import HttpOutbox
from dflow.transport.http.signing import (
    HmacSha256,
    HttpWords,
    RsaPss,
    RsaPssPublic,
    Signer,
    Verifier,
)

__all__ = [
    "HmacSha256",
    "HttpInbox",
    "HttpOutbox",
    "HttpWords",
    "RsaPss",
    "RsaPssPublic",
    "Signer",
    "Verifier",
]
