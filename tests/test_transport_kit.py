"""The kit for transports over those that come with dflow, and over broken ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define, field, frozen

from dflow.testing.transports import Endpoint, check_transport
from dflow.transport import DirectoryInbox, DirectoryOutbox, MemoryInbox, MemoryOutbox, MemoryQueue
from tcp_mailbox import mail_rig


@frozen
class FolderRig:
    """A folder that is written into and read from."""

    path: Path
    server: Endpoint | None = None

    def outbox(self, via: Endpoint | None = None) -> DirectoryOutbox:
        return DirectoryOutbox(path=self.path, template="{name}")

    def inbox(self, via: Endpoint | None = None) -> DirectoryInbox:
        self.path.mkdir(exist_ok=True)
        return DirectoryInbox(path=self.path, ready="named", after="remove", poll=0.02)

    def delivered(self) -> list[tuple[str, bytes]]:
        return [(one.name, one.read_bytes()) for one in self.path.iterdir() if one.is_file()]


@contextmanager
def folder_rig() -> Iterator[FolderRig]:
    with tempfile.TemporaryDirectory() as folder:
        yield FolderRig(Path(folder) / "there")


@define
class MemoryRig:
    """A queue within the process."""

    queue: MemoryQueue = field(factory=MemoryQueue)
    server: Endpoint | None = None

    def outbox(self, via: Endpoint | None = None) -> MemoryOutbox:
        return MemoryOutbox(self.queue)

    def inbox(self, via: Endpoint | None = None) -> MemoryInbox:
        return MemoryInbox(self.queue)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError


@contextmanager
def memory_rig() -> Iterator[MemoryRig]:
    yield MemoryRig()


TestMemory = check_transport(memory_rig)
TestDirectory = check_transport(folder_rig, largest=1_000_000)
TestDirectoryLarge = pytest.mark.slow(check_transport(folder_rig))
TestMailbox = check_transport(mail_rig, largest=1_000_000)
