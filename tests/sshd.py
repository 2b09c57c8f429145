"""OpenSSH's own server, started by the tests on a free port with keys of its own.

It runs as whoever runs the tests, in a process group of its own, so that it can be killed
with everything that serves a connection, as a machine that crashes.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import getpass
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, field

from dflow.testing.transports import Endpoint
from dflow.transport.sftp import SftpInbox, SftpOutbox, SftpServer
from services import free_port, kept, missing, program

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
AuthorizedKeysFile {keys}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
MaxStartups 200
Subsystem sftp internal-sftp {options}
{more}
"""


@functools.cache
def keys() -> Path:
    """A folder with key pairs: host, other, user, locked (passphrase: open sesame)."""
    folder = kept("sshd")
    keygen = program("ssh-keygen")
    for name, phrase in (("host", ""), ("other", ""), ("user", ""), ("locked", "open sesame")):
        command = [keygen, "-q", "-t", "ed25519", "-N", phrase, "-f", str(folder / name), "-C", ""]
        subprocess.run(command, check=True)
    return folder


def public(name: str) -> str:
    return (keys() / f"{name}.pub").read_text("ascii").strip()


def fingerprint(name: str) -> str:
    command = [program("ssh-keygen"), "-lf", str(keys() / f"{name}.pub")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]


@define(eq=False, kw_only=True)
class Sshd:
    """A server, and the folder that it is asked about."""

    folder: Path
    options: str = ""
    more: str = ""
    port: int = field(factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = program("sshd")
        with contextlib.suppress(FileExistsError):
            try:
                Path("/run/sshd").mkdir()
            except PermissionError:
                missing("sshd needs the folder /run/sshd, which cannot be made")
        text = CONFIGURATION.format(
            port=self.port, keys=keys(), options=self.options, more=self.more
        )
        file = self.folder.parent / f"sshd-{self.port}.conf"
        file.write_text(text, "utf-8")
        self._process = subprocess.Popen(
            [binary, "-D", "-e", "-f", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if time.monotonic() > end or (self._process and self._process.poll() is not None):
                raise RuntimeError("sshd does not start")
            time.sleep(0.01)

    def kill(self) -> None:
        """At once, with everything that serves a connection."""
        if self._process is None:
            return
        listener, self._process = self._process, None
        # A connection is served by a process in a session of its own.
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(listener.pid)],
            check=False,
            capture_output=True,
            text=True,
        ).stdout.split()
        below = [
            pid
            for child in children
            for pid in subprocess.run(
                ["ps", "-o", "pid=", "--ppid", child], check=False, capture_output=True, text=True
            ).stdout.split()
        ]
        for pid in (listener.pid, *map(int, (*children, *below))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        listener.wait()

    @property
    def server(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    def settings(self, via: Endpoint | None = None, **changes: object) -> SftpServer:
        return self.other(changes, via)

    def other(self, changes: Mapping[str, object], via: Endpoint | None = None) -> SftpServer:
        values: dict[str, object] = {
            "host": (via or self.server).host,
            "port": (via or self.server).port,
            "user": getpass.getuser(),
            "key_file": keys() / "user",
            "host_key": fingerprint("host"),
            "timeout": 5.0,
        }
        return SftpServer(**{**values, **changes})  # type: ignore[arg-type]  # as they are named

    # The kit's rig.

    def outbox(self, via: Endpoint | None = None) -> SftpOutbox:
        return SftpOutbox(server=self.settings(via), path=str(self.folder))

    def inbox(self, via: Endpoint | None = None) -> SftpInbox:
        return SftpInbox(
            server=self.settings(via), path=str(self.folder), ready="named", poll=0.05, lease=2.0
        )

    def delivered(self) -> list[tuple[str, bytes]]:
        return [
            (path.name, path.read_bytes())
            for path in sorted(self.folder.iterdir())
            if path.is_file()
        ]


@contextlib.contextmanager
def sshd(options: str = "", more: str = "") -> Iterator[Sshd]:
    """A server with an empty folder."""
    with tempfile.TemporaryDirectory(prefix="dflow-sftp-") as parent:
        folder = Path(parent) / "in"
        folder.mkdir()
        one = Sshd(folder=folder, options=options, more=more)
        one.start()
        try:
            yield one
        finally:
            one.kill()


_SHARED: list[Sshd] = []


@contextlib.contextmanager
def shared_sshd() -> Iterator[Sshd]:
    """An empty folder of a server that many tests share; it ends with the process."""
    with tempfile.TemporaryDirectory(prefix="dflow-sftp-") as parent:
        folder = Path(parent) / "in"
        folder.mkdir()
        if not _SHARED:
            home = kept("sshd") / "home"
            home.mkdir()
            one = Sshd(folder=home)
            one.start()
            atexit.register(one.kill)
            _SHARED.append(one)
        yield Sshd(folder=folder, port=_SHARED[0].port)
