"""Pulling messages from a consumer: what is there now, or the next one that comes.

In: an open session.  Out: messages.  This module does not know what they hold.

The server ends each request with a status on the request's own subject, so that a late
status is never taken for the answer to a later request, and no time has to pass to know
that nothing is there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import define, field

from dflow.transport.nats.session import Session

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

__all__ = ["Pulling", "open_pulling"]

#: Statuses that are no end of a request.
_HEARTBEAT = "100"


@define(eq=False, kw_only=True)
class Pulling:
    """Requests of one reader."""

    session: Session
    subscription: Subscription
    subject: str
    inbox: str
    _count: int = field(default=0, init=False)

    async def there(self, most: int) -> list[Msg]:
        """What is there now, up to so many."""
        return await self._request(most, {"batch": most, "no_wait": True})

    async def next(self, seconds: float) -> list[Msg]:
        """The next message, waiting so long for it; nothing if none came."""
        return await self._request(1, {"batch": 1, "expires": int(seconds * 1e9)}, longer=seconds)

    async def _request(
        self, most: int, request: dict[str, int | bool], *, longer: float = 0.0
    ) -> list[Msg]:
        self._count += 1
        reply = f"{self.inbox}.{self._count}"
        await self.session.client.publish(self.subject, json.dumps(request).encode(), reply)
        found: list[Msg] = []
        patience = self.session.patience + longer
        while len(found) < most:
            message = await self.session.ask(self._message(), patience=patience)
            status = (message.headers or {}).get("Status", "")
            if message.reply:
                found.append(message)
            elif message.subject == reply and status != _HEARTBEAT:
                break
        return found

    async def _message(self) -> Msg:
        return await self.subscription.next_msg(timeout=None)


async def open_pulling(session: Session, stream: str, consumer: str) -> Pulling:
    """Ready to pull from a consumer.

    Raises:
        Unavailable: the connection was lost.
    """
    inbox = session.client.new_inbox()
    subscription = await session.ask(session.client.subscribe(f"{inbox}.*"))
    return Pulling(
        session=session,
        subscription=subscription,
        subject=f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
        inbox=inbox,
    )
