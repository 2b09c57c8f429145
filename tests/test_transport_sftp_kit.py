"""SFTP keeps the promises of the kit, against OpenSSH's own server."""

from __future__ import annotations

import pytest

from dflow.testing.transports import check_transport
from sshd import shared_sshd

TestSftp = check_transport(shared_sshd, largest=3_000_000)


@pytest.mark.slow
class TestSftpLarge(check_transport(shared_sshd)):  # type: ignore[misc]  # a class that is made
    """The same with a parcel of 100 MB."""
