"""What travels beside the bytes, in the words that every message system can carry.

In: parcels and headers.  Out: headers and arrivals.  This module does not know any
network: brokers, web servers and object stores all carry short ASCII headers.

Every value is percent-encoded UTF-8, so that no name can end a line or start another
header.  What came with a message is hostile: a header that cannot be decoded is kept as
it came, and one that contradicts the content makes the arrival a problem, not a crash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from dflow.transport.parcel import Arrival, Parcel

__all__ = ["KEY", "NAME", "NOTES", "SHA256", "arrival_of", "headers_of"]

#: The idempotency key, from `Parcel.key`.
KEY = "dflow-key"
#: The name, from `Parcel.name`.
NAME = "dflow-name"
#: The notes, from `Parcel.notes`, as JSON.
NOTES = "dflow-notes"
#: The SHA-256 of the content, in hexadecimal digits.
SHA256 = "dflow-sha256"

#: Characters that stay as they are; all of them are plain in every header syntax.
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
#: What most keys and names are: nothing to encode, which is a large part of a short send.
_HARMLESS = re.compile(r"[A-Za-z0-9_.~:/-]*")
#: So many characters of a foreign name are kept.
_LONGEST = 4096


def headers_of(parcel: Parcel) -> dict[str, str]:
    r"""The headers of a parcel: ASCII only, without control characters.

    >>> headers_of(Parcel(key="k", name="a\nb.usr", content=b""))["dflow-name"]
    'a%0Ab.usr'
    """
    headers = {
        KEY: _encoded(parcel.key),
        NAME: _encoded(parcel.name),
        SHA256: hashlib.sha256(parcel.content).hexdigest(),
    }
    if parcel.notes:
        headers[NOTES] = _encoded(json.dumps(dict(parcel.notes), sort_keys=True))
    return headers


def arrival_of(headers: Mapping[str, str], content: bytes, *, token: str, name: str) -> Arrival:
    """The arrival that a message is; `name` is used if it names none.

    Names of headers are compared without regard to case.
    """
    found = {key.lower(): value for key, value in headers.items()}
    problem = ""
    expected = found.get(SHA256, "").strip().lower()
    if expected and hashlib.sha256(content).hexdigest() != expected:
        problem = "the content does not match the hash that came with it"
    return Arrival(
        name=_decoded(found.get(NAME, "")) or name,
        content=b"" if problem else content,
        token=token,
        problem=problem,
        notes=_notes(found.get(NOTES, "")),
    )


def _encoded(text: str) -> str:
    if _HARMLESS.fullmatch(text):
        return text
    # A leading or trailing space would be lost by header syntaxes that trim.
    inner = quote(text, safe=_PLAIN, errors="surrogatepass")
    if inner != inner.strip():
        inner = quote(text, safe=_PLAIN.replace(" ", ""), errors="surrogatepass")
    return inner


def _decoded(text: str) -> str:
    try:
        return unquote(text[:_LONGEST], errors="surrogatepass")
    except UnicodeDecodeError:
        return text[:_LONGEST]


def _notes(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        value = json.loads(_decoded_whole(text))
    except (ValueError, RecursionError):
        return {"unreadable": text[:_LONGEST]}
    if not isinstance(value, dict):
        return {"unreadable": text[:_LONGEST]}
    return {str(key): str(one) for key, one in value.items()}


def _decoded_whole(text: str) -> str:
    return unquote(text, errors="surrogatepass")
