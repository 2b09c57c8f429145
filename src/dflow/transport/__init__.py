"""Transports: ways in and out, which know bytes and a name, and no flows."""

from dflow.transport.directory_in import DirectoryInbox
from dflow.transport.directory_out import DirectoryOutbox
from dflow.transport.faults import Refused, TransportError, Unavailable, Uncertain
from dflow.transport.memory import MemoryInbox, MemoryOutbox, MemoryQueue
from dflow.transport.parcel import Arrival, Capabilities, Parcel, Presence, Receipt
from dflow.transport.ports import Checking, Closing, Inbox, Outbox, Tracking
from dflow.transport.secret import Secret

__all__ = [
    "Arrival",
    "Capabilities",
    "Checking",
    "Closing",
    "DirectoryInbox",
    "DirectoryOutbox",
    "Inbox",
    "MemoryInbox",
    "MemoryOutbox",
    "MemoryQueue",
    "Outbox",
    "Parcel",
    "Presence",
    "Receipt",
    "Refused",
    "Secret",
    "Tracking",
    "TransportError",
    "Unavailable",
    "Uncertain",
]
