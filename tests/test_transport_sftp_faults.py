"""What is wrong with an SFTP server, in one sentence with its remedy; the delivery waits."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint
from dflow.transport import Parcel, Secret, Unavailable
from dflow.transport.sftp import SftpOutbox, SftpServer
from services import free_port, program
from sshd import Sshd, fingerprint, keys, public, shared_sshd, sshd
from support_exchange import waits_in_the_journal

PARCEL = Parcel(key="k", name="a.usr", content=b"x" * 1000)


def words_of(outbox: SftpOutbox, parcel: Parcel = PARCEL) -> str:
    """What send, probe and check say; each is a single line, and the fault is Unavailable."""

    async def work() -> str:
        try:
            with pytest.raises(Unavailable) as send:
                await outbox.send(parcel)
            with pytest.raises(Unavailable):
                await outbox.check()
        finally:
            await outbox.close()
        return str(send.value)

    words = asyncio.run(work())
    assert "\n" not in words
    assert "Traceback" not in words
    return words


def known_hosts(folder: Path, server: Sshd, name: str) -> Path:
    path = folder / "known_hosts"
    path.write_text(f"[127.0.0.1]:{server.port} {public(name)}\n", "ascii")
    return path


def test_keys_of_servers(tmp_path: Path) -> None:
    with shared_sshd() as server:
        empty = tmp_path / "empty"
        empty.write_bytes(b"")
        right = known_hosts(tmp_path, server, "host")
        changed = tmp_path / "changed"
        changed.write_text(right.read_text("ascii").replace(public("host"), public("other")))
        table: list[tuple[dict[str, object], str]] = [
            ({"host_key": fingerprint("other")}, "not the pinned host_key"),
            ({"host_key": public("other")}, "not the pinned host_key"),
            ({"host_key": "", "known_hosts": empty}, "its key is not known"),
            ({"host_key": "", "known_hosts": changed}, "known_hosts has another key for it"),
            (
                {"host_key": "", "known_hosts": tmp_path / "none"},
                "known_hosts file cannot be used: No such file",
            ),
        ]
        for changes, words in table:
            outbox = SftpOutbox(server=server.other(changes), path=str(server.folder))
            said = words_of(outbox)
            assert re.search(words, said), said
            if "none" not in str(changes):
                assert fingerprint("host") in said  # so that it can be compared
            assert list(server.folder.iterdir()) == []
        good: list[dict[str, object]] = [
            {"host_key": public("host")},
            {"host_key": "", "known_hosts": right},
        ]
        for changes in good:
            outbox = SftpOutbox(server=server.other(changes), path=str(server.folder))
            assert asyncio.run(checked(outbox)).endswith("writable")
        assert waits_in_the_journal(
            SftpOutbox(server=server.settings(host_key=fingerprint("other")), path=".")
        ).startswith(f"127.0.0.1:{server.port}: showed ssh-ed25519 {fingerprint('host')}, not the")


async def checked(outbox: SftpOutbox) -> str:
    try:
        return await outbox.check()
    finally:
        await outbox.close()


def test_a_pin_that_is_none_is_refused_at_once() -> None:
    for pin in ("yes", "SHA256:short", "ssh-ed25519", "MD5:aa:bb", "ssh-ed25519 !!!"):
        with pytest.raises(ValueError, match="host_key"):
            SftpServer(host="x", user="y", host_key=pin)


def test_credentials(tmp_path: Path) -> None:
    with shared_sshd() as server:
        table: list[tuple[dict[str, object], str]] = [
            ({"key_file": keys() / "other"}, "does not let the user"),
            ({"key_file": None, "password": Secret("hunter2")}, "does not let the user"),
            ({"key_file": None}, "does not let the user"),
            ({"key_file": tmp_path / "none"}, "the key_file cannot be read"),
            ({"key_file": keys() / "locked"}, "is encrypted; give its passphrase"),
            (
                {"key_file": keys() / "locked", "passphrase": Secret("hunter2")},
                "does not open with this passphrase",
            ),
            ({"key_file": keys() / "host.pub"}, "is not a private key"),
        ]
        for changes, words in table:
            said = words_of(SftpOutbox(server=server.other(changes), path=str(server.folder)))
            assert words in said, said
            assert "hunter2" not in said
        both = {"key_file": keys() / "locked", "passphrase": Secret("open sesame")}
        said = words_of(SftpOutbox(server=server.other(both), path=str(server.folder)))
        assert "does not let the user" in said  # it was opened, and the server does not know it


def test_a_key_with_a_passphrase_logs_in(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes((keys() / "user").read_bytes())
    locked.chmod(0o600)
    command = [program("ssh-keygen"), "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(locked)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with shared_sshd() as server:
        settings = server.settings(key_file=locked, passphrase=Secret("open sesame"))
        assert "writable" in asyncio.run(
            checked(SftpOutbox(server=settings, path=str(server.folder)))
        )


def test_a_running_agent_is_asked_where_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock = tmp_path / "agent"
    with subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(sock)], stdout=subprocess.DEVNULL
    ) as agent:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
            while not sock.exists():
                time.sleep(0.01)
            with shared_sshd() as server:
                no_key = server.settings(key_file=None, agent=True)
                outbox = SftpOutbox(server=no_key, path=str(server.folder))
                assert "does not let the user" in words_of(outbox)
                subprocess.run([program("ssh-add"), "-q", str(keys() / "user")], check=True)
                assert "writable" in asyncio.run(checked(outbox))
                unasked = server.settings(key_file=None)
                outbox = SftpOutbox(server=unasked, path=str(server.folder))
                assert "does not let the user" in words_of(outbox)
        finally:
            agent.terminate()


def test_folders_and_rights() -> None:
    with sshd(options="-R") as server:
        said = words_of(server.outbox())
        assert "may not do this in" in said
        assert "may not do this in" in waits_in_the_journal(server.outbox())
    with shared_sshd() as server:
        outbox = SftpOutbox(server=server.settings(), path=str(server.folder / "none"))
        assert "make it there, or correct `path`" in words_of(outbox)
        (server.folder / "file").write_bytes(b"")
        outbox = SftpOutbox(server=server.settings(), path=str(server.folder / "file"))
        assert "no folder" in words_of(outbox)


def test_no_sftp_there() -> None:
    with sshd(more="ForceCommand /bin/false") as server:
        assert "offers no SFTP to the user" in words_of(server.outbox())


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be made by root, where mounting is permitted")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_without_room_for_a_name_is_full() -> None:
    """An empty file can be made on it, and nothing be written: no name is spoilt for that."""
    with shared_sshd() as server, small_disk(server.folder):
        outbox = server.outbox()

        async def work() -> str:
            await outbox.send(Parcel(key="1", name="a.usr", content=b"x"))
            ballast = server.folder / "ballast"
            with pytest.raises(OSError, match="No space left"):
                ballast.write_bytes(bytes(1 << 20))
            with pytest.raises(Unavailable, match="no space left"):
                await outbox.send(Parcel(key="2", name="b.usr", content=b"x"))
            with pytest.raises(Unavailable, match="no space left"):
                await outbox.check()
            ballast.unlink()
            place = (await outbox.send(Parcel(key="3", name="b.usr", content=b"x"))).place
            await outbox.close()
            return place

        assert asyncio.run(work()) == "b.usr"
        assert not list((server.folder / ".dflow").glob("*.name"))
        assert not list(server.folder.glob(".dflow-check*"))


def test_a_full_disk() -> None:
    with shared_sshd() as server, small_disk(server.folder):
        outbox = server.outbox()
        large = Parcel(key="large", name="a.usr", content=b"x" * 1_000_000)

        async def work() -> str:
            try:
                await outbox.send(PARCEL)
                with pytest.raises(Unavailable) as found:
                    await outbox.send(large)
                return str(found.value)
            finally:
                await outbox.close()

        assert "no space left" in asyncio.run(work())
        assert [path.name for path in server.folder.iterdir() if path.is_file()] == ["a.usr"]


def test_servers_that_are_not_there_hang_or_close() -> None:
    with shared_sshd() as server:
        nobody = server.settings(Endpoint("127.0.0.1", free_port()))
        assert "nobody answers there" in words_of(SftpOutbox(server=nobody))
        nowhere = server.settings(Endpoint("no-such-host.invalid", 22))
        assert "no such host" in words_of(SftpOutbox(server=nowhere))
        with FaultProxy("127.0.0.1", server.port) as proxy:
            via = Endpoint(proxy.host, proxy.port)
            proxy.swallow()
            hangs = SftpOutbox(server=server.settings(via, timeout=0.5))
            assert "no answer in 0.5 s" in words_of(hangs)
            proxy.mend()
            proxy.refuse()
            assert "nobody answers there" in words_of(SftpOutbox(server=server.settings(via)))


def test_a_server_that_hangs_in_the_middle_is_waited_for_no_longer_than_said() -> None:
    with shared_sshd() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        settings = server.settings(Endpoint(proxy.host, proxy.port), timeout=0.6)
        outbox = SftpOutbox(server=settings, path=str(server.folder))

        async def work() -> None:
            loop = asyncio.get_running_loop()
            await outbox.send(PARCEL)
            proxy.swallow()
            begun = loop.time()
            with pytest.raises(Unavailable):
                await outbox.send(Parcel(key="2", name="a", content=b"x" * 3_000_000))
            assert loop.time() - begun < 3
            proxy.mend()
            await outbox.send(Parcel(key="2", name="a", content=b"x" * 3_000_000))
            await outbox.close()

        asyncio.run(work())
