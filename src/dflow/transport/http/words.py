"""What an HTTP answer means for a parcel, in the words of the transports' faults.

In: a status, headers and the beginning of a body.  Out: a receipt, or the fault to raise.
This module does not know connections.

What counts is what is certain.  A server that says 503 or 429 has not taken the request;
one that says 500, 502 or 504 may have failed after it took it, so the sender asks first.
A mistake of the configuration (401, 403, 404) is no fault of the parcel, which waits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dflow.transport.faults import Refused, TransportError, Unavailable, Uncertain
from dflow.transport.parcel import Receipt

__all__ = ["PRESENCE", "REPEAT", "clean", "fault_of", "receipt_of"]

#: The header by which dflow's way in answers a question for a key.
PRESENCE = "dflow-presence"
#: The header by which it says that it had the parcel already.
REPEAT = "dflow-repeat"

#: Not taken for certain, though another attempt may be.
_LATER = {
    401: "check the signing secret or key, and the clocks",
    403: "check what this client may do there",
    404: "check the url",
    405: "check the url",
    407: "check the proxy's credentials",
    408: "it waited too long for the request",
    425: "it asks for a later attempt",
    429: "it is sent too much at once",
    503: "it is too busy or closed",
}


def receipt_of(key: str, status: int, headers: Mapping[str, str], body: bytes) -> Receipt:
    """What a 2xx answer, or a 409, says."""
    repeat = status == 409 or headers.get(REPEAT) == "1"
    return Receipt(key=key, place=clean(headers.get("location", "") or _id(body)), repeat=repeat)


def fault_of(url: str, status: int, headers: Mapping[str, str], body: bytes) -> TransportError:
    """The fault that any other answer is, with what the server said."""
    said = clean(body.decode("utf-8", "replace"))
    words = f"{url} answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        return Unavailable(f"{words}; redirects are not followed: set the url they lead to")
    if status in _LATER:
        wait = clean(headers.get("retry-after", ""))
        after = f"; it asks to wait {wait}" if wait else ""
        return Unavailable(f"{words}; {_LATER[status]}{after}")
    if 400 <= status < 500:
        return Refused(words)
    return Uncertain(words)


def clean(text: str) -> str:
    """A server's words on one line, without control characters, and short."""
    return re.sub(r"[^\x20-\x7e]+", " ", text[:2000]).strip()[:200]


def _id(body: bytes) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = value.get("id") if isinstance(value, dict) else None
    return str(found) if isinstance(found, str | int) else ""
