"""Object stores: S3, Azure, Google and a local folder, out and in, by the same code."""

from dflow.transport.objects.inbox import ObjectInbox
from dflow.transport.objects.outbox import ObjectOutbox
from dflow.transport.objects.place import ObjectPlace

__all__ = ["ObjectInbox", "ObjectOutbox", "ObjectPlace"]
