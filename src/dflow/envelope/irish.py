"""The address of an Irish market message, from its XML.

In: the first bytes of a message.  Out: the same `Header` as any other file's, and
findings.  This module does not read the body, and never raises about a message.

Source: facts, market section 3.  The root is ``ieXMLDocument``; its first child,
``MessageHeader``, holds the address in attributes.  Namespace and schema are not known, so
names are read by their local part, whatever the namespace.  The messages name no roles:
the parties' roles are empty, and rules write ``*/ESB`` or ``/ESB``.

Hostile input: no document type, so no entities; nothing after the header is parsed, so no
depth and no size beyond 64 KiB can hurt.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from dflow.envelope.header import Header, HeaderReading, Party
from dflow.findings import Place, finding

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = ["compact_time", "read_irish"]

#: The header must stand within so many bytes.
_MOST_BYTES = 65_536

#: Attribute, longest value, whether it must be there.
_ATTRIBUTES = (
    ("MessageTypeCode", 5, True),
    ("SenderID", 3, True),
    ("RecipientID", 3, True),
    ("VersionNumber", 9, False),
    ("TxRefNbr", 36, False),
    ("MarketTimestamp", 40, False),
)


class _Found(Exception):
    """The header was read; the rest of the message is left alone."""


class _Refused(Exception):
    """The message may not be read on."""


class _Reader:
    """What expat tells, until the header is found."""

    def __init__(self, parser: XMLParserType) -> None:
        self.attributes: dict[str, str] = {}
        self._depth = 0
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        local = name.rsplit("}", 1)[-1].rsplit(":", 1)[-1]
        if self._depth == 1 and local != "ieXMLDocument":
            raise _Refused(f"its root is {local[:24]}, not ieXMLDocument")
        if self._depth == 2:
            if local != "MessageHeader":
                raise _Refused(f"its first element is {local[:24]}, not MessageHeader")
            self.attributes = {key.rsplit(":", 1)[-1]: text for key, text in attributes.items()}
            raise _Found

    def _doctype(self, *_: object) -> None:
        raise _Refused("it declares a document type, which no market message may")

    def _entity(self, *_: object) -> None:
        raise _Refused("it declares an entity, which no market message may")


def read_irish(data: bytes) -> HeaderReading:
    """Read the address of an Irish market message; never raises.

    The header is None where there is no address that could be acted on.
    """
    from xml.parsers import expat

    parser = expat.ParserCreate()
    reader = _Reader(parser)
    try:
        parser.Parse(data[:_MOST_BYTES], len(data) <= _MOST_BYTES)
        reason = "it has no MessageHeader"
    except _Found:
        return _header(reader.attributes)
    except _Refused as refusal:
        reason = str(refusal)
    except (expat.ExpatError, ValueError, LookupError) as error:
        reason = f"it is not well-formed XML ({error})"
    found = finding(
        "header-missing",
        Place(line=max(parser.CurrentLineNumber, 1)),
        f"The market message cannot be read: {reason}.",
    )
    return HeaderReading(header=None, findings=(found,))


def _header(attributes: dict[str, str]) -> HeaderReading:
    faults = []
    for name, longest, needed in _ATTRIBUTES:
        value = attributes.get(name, "")
        if (needed and not value) or not re.fullmatch(rf"[\x20-\x7e]{{0,{longest}}}", value):
            faults.append(
                finding(
                    "header-value",
                    Place(line=1, item=name),
                    f"The message's {name} is {'not in its format' if value else 'missing'}.",
                    value=value[:24],
                    expected=f"up to {longest} characters",
                )
            )
    if faults:
        return HeaderReading(header=None, findings=tuple(faults))
    header = Header(
        flow=attributes["MessageTypeCode"],
        version=attributes.get("VersionNumber", ""),
        sender=Party("", attributes["SenderID"]),
        recipient=Party("", attributes["RecipientID"]),
        file_id=attributes.get("TxRefNbr", ""),
        created=compact_time(attributes.get("MarketTimestamp", "")),
        envelope="other",
    )
    return HeaderReading(header=header)


def compact_time(text: str) -> str:
    """An ISO time as ``ccyymmddhhmmss``, as it stands, without its zone; empty if it is none."""
    try:
        return datetime.fromisoformat(text).strftime("%Y%m%d%H%M%S") if text else ""
    except ValueError:
        return ""
