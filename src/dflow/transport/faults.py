"""How sending can go wrong, told apart by what is certain afterwards.

In: a reason.  Out: one of three exceptions.  This module does not know who retries.

    TransportError
    ├── Refused      not delivered, and this parcel never will be as it is
    ├── Unavailable  not delivered for certain; later may be better
    └── Uncertain    it may have been delivered: ask before anything is sent again

Any other exception out of `Outbox.send` is taken as `Uncertain`: what a transport did
not think of can have happened after the destination took the parcel.
"""

from __future__ import annotations

from dflow.errors import DflowError

__all__ = ["Refused", "TransportError", "Unavailable", "Uncertain"]


class TransportError(DflowError):
    """The root of what transports raise on purpose."""


class Refused(TransportError):
    """The destination has not taken the parcel and never will as it is."""


class Unavailable(TransportError):
    """The destination has not taken the parcel, for certain; it may later."""


class Uncertain(TransportError):
    """Nobody knows whether the destination has taken the parcel."""
