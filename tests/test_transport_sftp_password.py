"""SFTP with a password, to a server that is not OpenSSH's: asyncssh's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest

from dflow.transport import Parcel, Presence, Secret, Unavailable
from dflow.transport.sftp import SftpInbox, SftpOutbox, SftpServer
from services import free_port
from sshd import fingerprint, keys


class Door(asyncssh.SSHServer):
    """Lets in who knows the password."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("dflow", "open sesame")


def test_a_password_and_another_server(tmp_path: Path) -> None:
    async def work() -> None:
        port = free_port()
        host_key = str(keys() / "host")
        listener = await asyncssh.listen(
            "127.0.0.1", port, server_factory=Door, server_host_keys=[host_key], sftp_factory=True
        )

        def server(password: str) -> SftpServer:
            return SftpServer(
                host="127.0.0.1",
                port=port,
                user="dflow",
                password=Secret(password),
                host_key=fingerprint("host"),
                timeout=5.0,
            )

        wrong = SftpOutbox(server=server("hunter2"), path=str(tmp_path))
        with pytest.raises(Unavailable, match="does not let the user dflow in") as found:
            await wrong.send(Parcel(key="k", name="a.usr", content=b"1"))
        assert "hunter2" not in f"{found.value} {wrong!r}"
        outbox = SftpOutbox(server=server("open sesame"), path=str(tmp_path))
        for _ in range(2):
            await outbox.send(Parcel(key="k", name="a.usr", content=b"1"))
        assert await outbox.probe("k") is Presence.PRESENT
        inbox = SftpInbox(server=server("open sesame"), path=str(tmp_path), ready="named")
        found_there = []
        async for one in inbox.receive(once=True):
            found_there.append((one.name, one.content))
            await inbox.done(one)
        assert found_there == [("a.usr", b"1")]
        for end in (wrong, outbox, inbox):
            await end.close()
        listener.close()
        await listener.wait_closed()

    asyncio.run(work())
