"""What dflow.toml may say of a mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dflow.transport import Inbox, Outbox
from dflow.transport.kinds import Option, Setting, TransportKind

__all__ = ["KIND"]

_PATH = Option(name="path", kind="path", required=True, meaning="The file; made if missing.")
_LEASE = Option(
    name="lease",
    kind="seconds",
    default=60.0,
    least=0.1,
    meaning="After which what a dead reader took is given to another.",
)
_POLL = Option(name="poll", kind="seconds", default=1.0, meaning="Between two looks.")


# The mailbox is imported when a configuration asks for one, not when kinds are listed.
def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from mailbox_post.mailbox import Mailbox

    return Mailbox(path=Path(str(settings["path"]))).outbox()


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from mailbox_post.mailbox import Mailbox

    mailbox = Mailbox(path=Path(str(settings["path"])), lease=float(str(settings["lease"])))
    return mailbox.inbox(poll=float(str(settings["poll"])))


KIND = TransportKind(
    name="mailbox",
    out=(_PATH,),
    into=(_PATH, _LEASE, _POLL),
    outbox=_outbox,
    inbox=_inbox,
)
