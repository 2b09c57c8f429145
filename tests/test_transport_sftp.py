"""SFTP against OpenSSH's own server: words of what is wrong, kills, names, claims."""

from __future__ import annotations

import asyncio
from sshd import sshd
from dflow.transport import Parcel


def test_first() -> None:
    with sshd() as server:

        async def go() -> None:
            outbox = server.outbox()
            print(await outbox.check())
            print(outbox.capabilities)
            print(await outbox.send(Parcel(key="k", name="a.usr", content=b"x" * 1000000)))
            print(await outbox.send(Parcel(key="k", name="a.usr", content=b"x" * 1000000)))
            print(await outbox.probe("k"), await outbox.probe("z"))
            print(outbox.capabilities)
            await outbox.close()
            inbox = server.inbox()
            async for one in inbox.receive(once=True):
                print(one, len(one.content))
                await inbox.done(one)
            await inbox.close()

        asyncio.run(go())
        print(sorted(server.folder.rglob("*")))
