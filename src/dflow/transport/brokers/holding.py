"""Arrivals that were taken and are not done: their claims are renewed.

In: tokens.  Out: calls of a function with all of them, again and again.  This module
does not know what a claim is.  Brokers give an arrival to another reader when its claim
is not renewed in time: so a dead reader loses its claims, and a slow one keeps them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

__all__ = ["Holding"]


@define(eq=False, kw_only=True)
class Holding:
    """The tokens that are held, in the order they were taken.

    Attributes:
        renew: renews the claims of these tokens; what it raises is tried again next time.
        every: seconds between two renewals.
    """

    renew: Callable[[Sequence[str]], Awaitable[None]]
    every: float = 10.0
    _tokens: dict[str, None] = field(factory=dict, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def add(self, token: str) -> None:
        """Hold a token from now on; within an event loop."""
        self._tokens[token] = None
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def drop(self, token: str) -> bool:
        """Hold it no longer; whether it was held."""
        return token in self._tokens and self._tokens.pop(token) is None

    @property
    def tokens(self) -> tuple[str, ...]:
        """What is held now."""
        return tuple(self._tokens)

    async def _run(self) -> None:
        while self._tokens:
            await asyncio.sleep(self.every)
            if self._tokens:
                with contextlib.suppress(Exception):
                    await self.renew(self.tokens)

    async def close(self) -> tuple[str, ...]:
        """Renew nothing more; what was held."""
        held, task = self.tokens, self._task
        self._tokens.clear()
        self._task = None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])
        return held
