"""E-mail as the last resort: a file as an attachment, out only (standard library)."""

from dflow.transport.mail.outbox import MailOutbox
from dflow.transport.mail.server import MailServer

__all__ = ["MailOutbox", "MailServer"]
