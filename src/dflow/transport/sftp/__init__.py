"""Files over SSH: into a server's folder, and out of one (extra ``sftp``)."""

from dflow.transport.sftp.inbox import SftpInbox
from dflow.transport.sftp.outbox import SftpOutbox
from dflow.transport.sftp.server import SftpServer

__all__ = ["SftpInbox", "SftpOutbox", "SftpServer"]
