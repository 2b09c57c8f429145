"""Destinations and sources tried before anything is sent: which can be reached, and why not.

In: a wiring.  Out: one look for each end, in words.  This module does not know any kind of
transport: it asks each what the Protocols let it ask, all at once, and waits for nobody
longer than it is told.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Literal

from attrs import frozen

from dflow.exchange.config import Wiring
from dflow.transport import Checking, Closing, Inbox, Outbox, Presence, TransportError

__all__ = ["Look", "Side", "look_at_ends"]

#: Of a configuration.
Side = Literal["source", "mount"]


@frozen(kw_only=True)
class Look:
    """What was found of one end.

    Attributes:
        side: whether it is a source or a mount.
        name: of the configuration.
        found: whether it can be used; None if it cannot be asked without sending.
        words: what was reached; or what is wrong, and what mends it.
    """

    side: Side
    name: str
    found: bool | None
    words: str

    def as_json(self) -> dict[str, object]:
        """As JSON values."""
        state = "unknown" if self.found is None else ("ok" if self.found else "wrong")
        return {"side": self.side, "name": self.name, "state": state, "words": self.words}


async def look_at_ends(wiring: Wiring, *, limit: float = 10.0) -> list[Look]:
    """Try every source and every mount at once; none takes longer than `limit` seconds.

    Nothing is sent, taken or changed.  No exception's words are passed on but those that
    transports raise on purpose, which hold no secrets.
    """
    ends: list[tuple[Side, str, Inbox | Outbox]] = [
        *(("source", one.name, one.inbox) for one in wiring.sources),
        *(("mount", one.name, one.outbox) for one in wiring.mounts),
    ]
    return list(await asyncio.gather(*(_look(*end, limit) for end in ends)))


async def _look(side: Side, name: str, end: Inbox | Outbox, limit: float) -> Look:
    found: bool | None = False
    try:
        async with asyncio.timeout(limit):
            found, words = await _asked(end)
    except TimeoutError:
        words = f"no answer in {limit:g} s; look whether it runs, and whether a firewall is between"
    except TransportError as error:
        words = str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001  what a transport did not think of
        words = f"the transport failed with {type(error).__name__}, which is a mistake in it"
    await _let_go(end)
    return Look(side=side, name=name, found=found, words=words.replace("\n", " "))


async def _asked(end: Inbox | Outbox) -> tuple[bool | None, str]:
    if isinstance(end, Checking):
        return True, await end.check()
    if isinstance(end, Outbox) and end.capabilities.probes:
        # A key that nobody has: an answer shows that questions are answered.
        presence = await end.probe(f"check-{secrets.token_hex(12)}")
        if presence is not Presence.UNKNOWN:
            return True, "it answers when it is asked for a key"
    return None, "it cannot be tried without sending or taking something"


async def _let_go(end: Inbox | Outbox) -> None:
    if isinstance(end, Closing):
        try:
            async with asyncio.timeout(2.0):
                await end.close()
        except Exception:  # noqa: BLE001  it was a look only, and it is over
            return
