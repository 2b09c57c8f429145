"""The messages of a rehearsal, all of them made up.

In: a setup, the first minute, and chance.  Out: requests over the outage, and the bytes of
messages.  This module sends nothing, and names no meter point that there is.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from attrs import frozen

from dflow.contingency.config import Setup
from dflow.contingency.message import write_message

__all__ = ["Made", "made_message", "made_requests"]

#: The name of a body's element is not published; this one is made up and says so.
_BODY = "MIM017_NameNotKnown"


@frozen(kw_only=True)
class Made:
    """A request that was made up.

    Attributes:
        minute: in which minute of the outage it arrives, 1-based.
        tx: its transaction number.
        mprn: its meter point.
        kind: ``reconnect`` or ``disconnect``.
        at: when it arrives.
        content: the message.
    """

    minute: int
    tx: str
    mprn: str
    kind: str
    at: datetime
    content: bytes


def made_message(tx: str, mprn: str, at: datetime, *, code: str = "017", reason: str = "") -> bytes:
    """A message of this code, from the supplier if it is a 017, else from the network."""
    header = {
        "MessageTypeCode": code,
        "SenderID": "SUP" if code == "017" else "NET",
        "RecipientID": "NET" if code == "017" else "SUP",
        "TxRefNbr": tx,
        "MarketTimestamp": at.isoformat(),
        "VersionNumber": "0",
    }
    values = {"MPRN": mprn} | ({"ReasonNameNotKnown": reason} if reason else {})
    return write_message(header, body=_BODY.replace("017", code), values=values)


def made_requests(setup: Setup, start: datetime, chance: random.Random) -> list[Made]:
    """Requests over the outage: two of three reconnect; some meter points ask for both."""
    wanted, meaning = setup.rehearsing, setup.meaning
    found: list[Made] = []
    for number in range(wanted.requests):
        minute = chance.random() * wanted.outage
        mprn = f"100{number:08d}"
        kind = "reconnect" if chance.random() < 0.66 else "disconnect"
        if number and chance.random() < 0.05:
            before = found[-1]
            mprn, minute = before.mprn, min(before.minute + 5.0, wanted.outage - 0.1)
            kind = "disconnect" if before.kind == "reconnect" else "reconnect"
        codes = meaning.reconnect if kind == "reconnect" else meaning.disconnect
        at = start + timedelta(minutes=int(minute), seconds=chance.randrange(50))
        tx = f"TX{number:06d}"
        content = made_message(tx, mprn, at, reason=codes[-1])
        found.append(
            Made(minute=int(minute) + 1, tx=tx, mprn=mprn, kind=kind, at=at, content=content)
        )
    return found
