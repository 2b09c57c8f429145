"""What a configuration may say of object stores.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
imports no third-party library and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import (
    PATTERN,
    after,
    count_of,
    largest,
    number_of,
    path_of,
    poll,
    secret_of,
)

if TYPE_CHECKING:
    from dflow.transport.objects.place import ObjectPlace
    from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

#: Options that go to the store as they are, by its own name for each.
_WORDS = ("region", "endpoint", "access_key_id", "account_name")
_SECRETS = (
    "secret_access_key",
    "session_token",
    "account_key",
    "sas_key",
    "service_account_key",
)

_PLACE = (
    Option(
        name="url",
        kind="text",
        required=True,
        meaning="`s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or "
        "`file:///folder`.",
    ),
    Option(name="region", kind="text", meaning="Of S3."),
    Option(name="endpoint", kind="text", meaning="Another server that speaks S3 or Azure."),
    Option(name="access_key_id", kind="text", meaning="Of S3."),
    Option(name="secret_access_key", kind="secret", meaning="Of S3."),
    Option(name="session_token", kind="secret", meaning="Of S3, for keys that end."),
    Option(name="account_name", kind="text", meaning="Of Azure."),
    Option(name="account_key", kind="secret", meaning="Of Azure."),
    Option(name="sas_key", kind="secret", meaning="Of Azure, instead of the account's key."),
    Option(name="service_account", kind="path", meaning="Of Google: the file of an account."),
    Option(name="service_account_key", kind="secret", meaning="Of Google: what that file holds."),
    Option(
        name="patience",
        kind="seconds",
        default=60.0,
        least=0.001,
        meaning="For one request, its body included.",
    ),
    Option(
        name="plain",
        kind="flag",
        default=False,
        meaning="Whether `http://` endpoints of other machines may be used.",
    ),
)

_OUT = (
    *_PLACE,
    Option(
        name="name",
        kind="template",
        default="{key}/{name}",
        meaning="The objects' names, with words of the header in braces; holds `{key}`.",
    ),
    Option(
        name="recipient",
        kind="text",
        default="takes",
        choices=("dflow", "leaves", "takes"),
        meaning="Who reads: dflow's way in, one that leaves objects, or one that takes them away.",
    ),
)

_IN = (
    *_PLACE,
    PATTERN,
    after("an object"),
    Option(
        name="archive",
        kind="text",
        default=".dflow/done",
        meaning="Below which name archived objects go.",
    ),
    largest("object"),
    Option(
        name="lease",
        kind="seconds",
        default=300.0,
        least=1,
        meaning="After which what a dead reader claimed is given to another.",
    ),
    poll(5.0, least=0.001),
)


def _place(settings: Mapping[str, Setting]) -> ObjectPlace:
    from dflow.transport.objects.place import ObjectPlace

    config = {name: str(settings[name]) for name in _WORDS if settings[name]}
    secrets = {name: value for name in _SECRETS if (value := secret_of(settings[name])) is not None}
    account = path_of(settings["service_account"])
    if account is not None:
        config["service_account"] = str(account)
    return ObjectPlace(
        url=str(settings["url"]),
        config=config,
        secrets=secrets,
        patience=number_of(settings["patience"]),
        plain=bool(settings["plain"]),
    )


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.objects.outbox import ObjectOutbox, Recipient

    known: tuple[Recipient, ...] = ("dflow", "leaves", "takes")
    return ObjectOutbox(
        place=_place(settings),
        template=str(settings["name"]),
        recipient=next(one for one in known if one == settings["recipient"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from dflow.transport.objects.inbox import ObjectInbox

    return ObjectInbox(
        place=_place(settings),
        pattern=str(settings["pattern"]),
        after="remove" if settings["after"] == "remove" else "archive",
        archive=str(settings["archive"]).strip("/"),
        largest=count_of(settings["largest"]),
        lease=number_of(settings["lease"]),
        poll=number_of(settings["poll"]),
    )


#: Object stores, out and in.
KIND = TransportKind(name="objects", out=_OUT, into=_IN, outbox=_outbox, inbox=_inbox)
