"""What lies in a folder and in an inbox, for the tests of transports."""

from __future__ import annotations

from pathlib import Path

from dflow.transport import Arrival, Inbox
from dflow.transport.ports import Closing


def files(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their paths, but for those that dflow keeps for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".dflow" not in path.relative_to(folder).parts
    }


async def drained(inbox: Inbox) -> list[Arrival]:
    """All that arrives now, done; the inbox is closed then."""
    assert isinstance(inbox, Closing)
    found = []
    async for arrival in inbox.receive(once=True):
        found.append(arrival)
        await inbox.done(arrival)
    await inbox.close()
    return found
