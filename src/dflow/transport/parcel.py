"""What travels through a transport: bytes, a name, and a key.

In: bytes and the words that go with them.  Out: frozen values.  This module does not
know flows: an address is a mapping of words that name templates may use, no more.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen

__all__ = ["Arrival", "Capabilities", "Parcel", "Presence", "Receipt"]


@enum.unique
class Presence(enum.Enum):
    """What a destination answers when it is asked for a key."""

    PRESENT = "present"
    ABSENT = "absent"
    #: The destination cannot tell, now or ever; it is never a guess either way.
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Capabilities:
    """What a transport promises, as data.

    Attributes:
        probes: `probe` answers PRESENT or ABSENT for certain while the destination is up.
        idempotent: sending a key twice leaves one parcel at the destination.
        durable: a receipt means that the parcel survives a loss of power there.
        ordered: parcels sent one after the other are received in that order.
        notes: a parcel's notes arrive with it, as `Arrival.notes`.
    """

    probes: bool = False
    idempotent: bool = False
    durable: bool = False
    ordered: bool = False
    notes: bool = False


@frozen(kw_only=True)
class Parcel:
    """Something to send.

    Attributes:
        key: idempotency key, the same for every attempt at one delivery, and for no other.
        name: the name it arrived with; hostile, so never a path as it stands.
        content: the bytes, sent as they are.
        address: words of its header for name templates, such as ``flow``; hostile too.
        notes: what travels beside the bytes, such as a copy's provenance; never in them.
    """

    key: str
    name: str
    content: bytes = field(repr=False)
    address: Mapping[str, str] = field(factory=dict, repr=False)
    notes: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Receipt:
    """A destination has the parcel, as durably as its transport's capabilities say.

    Attributes:
        key: the parcel's key.
        place: where it is, in the transport's words, such as a file name.
        repeat: whether the destination had it already, and nothing was sent again.
    """

    key: str
    place: str = ""
    repeat: bool = False


@frozen(kw_only=True)
class Arrival:
    """Something received, which stays the source's until it is `done` or `failed`.

    Attributes:
        name: the name it came with; hostile.
        content: the bytes; empty if they could not be had.
        token: what the inbox itself knows it by.
        problem: why the bytes could not be had; empty if they could.
        notes: what travelled beside the bytes.
    """

    name: str
    content: bytes = field(repr=False)
    token: str = ""
    problem: str = ""
    notes: Mapping[str, str] = field(factory=dict)
