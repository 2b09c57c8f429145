"""The frames that tasks of one turn of the event loop write, written at once.

In: frames of a channel.  Out: fewer and longer writes.  This module does not know what is
in a frame.  The library writes each message to the socket by itself, and waits for it;
with many under way that is most of the work of sending.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from aiormq.abc import ChannelFrame

__all__ = ["Gathering"]


@define(eq=False)
class Gathering:
    """Stands where a channel of the library has the queue that its frames go into.

    The order of the frames stays.  While the line is full nothing more is written, and
    what comes then is the next write.

    Attributes:
        queue: the connection's queue.
    """

    queue: asyncio.Queue[ChannelFrame]
    _frames: list[ChannelFrame] = field(factory=list, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    async def put(self, frame: ChannelFrame) -> None:
        """Write a frame, soon."""
        self.put_nowait(frame)

    def put_nowait(self, frame: ChannelFrame) -> None:
        """Write a frame, soon."""
        self._frames.append(frame)
        if self._task is None or self._task.done():
            # It begins at the next turn, when all who run in this one have given theirs.
            self._task = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        from aiormq.abc import ChannelFrame

        while self._frames:
            frames, self._frames = self._frames, []
            drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            joined = ChannelFrame(
                payload=b"".join(frame.payload for frame in frames),
                should_close=any(frame.should_close for frame in frames),
                drain_future=drained,
            )
            # Of a lost connection nobody drains: then this waits until `close`, and the
            # channel tells those who wait for answers.
            await self.queue.put(joined)
            await drained
            for frame in frames:
                frame.drain()

    async def close(self) -> None:
        """Write nothing more."""
        self._frames.clear()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
