"""A market message's body, as far as it is known: names and values of its attributes.

In: the bytes of a message.  Out: its address, and what its body says, by local name.
This module does not know what a message means, and never raises about one.
Capability 10, for the 017 and its answers.

The schema is not published where this project could read it.  Known is that the values
stand in attributes, ``MPRN`` among them, and that the body's element is named after the
message's number.  The rest of that name, the namespace and the names of other attributes
are not known: names are read by their local part, a reason is found by its value, and
whoever writes a message gives the names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dflow.envelope import Header
from dflow.envelope.irish import read_irish

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = ["MarketMessage", "masked", "read_message", "reason_of", "write_message"]

_MOST_BYTES = 1 << 20
_MOST_VALUES = 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,80}")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")


@frozen(kw_only=True)
class MarketMessage:
    """A message that was read.

    Attributes:
        header: its address.
        at: its market timestamp; None if it has none that can be read.
        body: the local name of the body's element; empty if there is none.
        values: the attributes of the body and all below it, by local name, the first of
            each name.
    """

    header: Header
    at: datetime | None = None
    body: str = ""
    values: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def mprn(self) -> str:
        """The meter point; empty if it names none.  Its check digits are not known."""
        text = self.values.get("MPRN", "").strip()
        return text if re.fullmatch(r"[0-9]{1,20}", text) else ""


class _Reader:
    """What expat tells of the elements after the header."""

    def __init__(self, parser: XMLParserType) -> None:
        self.body = ""
        self.stamp = ""
        self.values: dict[str, str] = {}
        self._depth = 0
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        local = name.rsplit(":", 1)[-1]
        if self._depth == 2 and local == "MessageHeader":
            named = {key.rsplit(":", 1)[-1]: text for key, text in attributes.items()}
            self.stamp = self.stamp or named.get("MarketTimestamp", "")
        elif self._depth >= 2:
            if self._depth == 2 and not self.body:
                self.body = local
            for key, text in attributes.items():
                if len(self.values) < _MOST_VALUES:
                    self.values.setdefault(key.rsplit(":", 1)[-1], text)

    def _end(self, _name: str) -> None:
        self._depth -= 1


def read_message(content: bytes, zone: str = "Europe/Dublin") -> tuple[MarketMessage | None, str]:
    """Read a message; None and why, if it is none.

    Args:
        content: all of its bytes, up to one mebibyte.
        zone: of a timestamp that says none.
    """
    from xml.parsers import expat

    reading = read_irish(content)
    if reading.header is None:
        return None, reading.findings[0].message
    if len(content) > _MOST_BYTES:
        return None, f"the message has {len(content):,} bytes; {_MOST_BYTES:,} are read"
    parser = expat.ParserCreate()
    reader = _Reader(parser)

    # The header's reader refuses a document type before the header; this one anywhere.
    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type or entity")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, len(content) <= _MOST_BYTES)
    except (expat.ExpatError, ValueError, LookupError) as error:
        return None, f"the message cannot be read: {error}"
    return (
        MarketMessage(
            header=reading.header,
            at=_instant(reader.stamp, zone),
            body=reader.body,
            values=reader.values,
        ),
        "",
    )


def _instant(text: str, zone: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None
    if value is None or value.tzinfo is not None:
        return value
    return value.replace(tzinfo=ZoneInfo(zone))


def reason_of(message: MarketMessage, known: Collection[str], attribute: str = "") -> str:
    """The reason code of a request; empty if there is none, or more than one is possible.

    Args:
        message: a 017.
        known: the codes that are reasons.
        attribute: the local name of the attribute that holds it; the name is not
            published, so without it the one value that is a known reason is taken.
    """
    if attribute:
        return message.values.get(attribute, "").strip()
    found = {text.strip() for text in message.values.values()} & set(known)
    return found.pop() if len(found) == 1 else ""


def write_message(
    header: Mapping[str, str],
    *,
    body: str,
    values: Mapping[str, str],
    namespace: str = "",
) -> bytes:
    """A message's bytes.

    Args:
        header: the attributes of ``MessageHeader``, such as ``MessageTypeCode``.
        body: the name of the body's element; it is not published, so it is the caller's.
        values: the attributes of the body.
        namespace: of all elements; not published either, none if empty.

    Raises:
        ValueError: a name is no XML name, or a value cannot stand in XML.
    """
    for name in (body, *header, *values):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no name of an element or attribute")
    for text in (namespace, *header.values(), *values.values()):
        if _UNWRITABLE.search(text):
            raise ValueError("a value holds a character that cannot stand in XML")

    def attributes(named: Mapping[str, str]) -> str:
        return "".join(f" {name}={quoteattr(text)}" for name, text in named.items())

    space = f" xmlns={quoteattr(namespace)}" if namespace else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<ieXMLDocument{space}>\n"
        f"  <MessageHeader{attributes(header)}/>\n"
        f"  <{body}{attributes(values)}/>\n"
        "</ieXMLDocument>\n"
    )
    return text.encode()


def masked(mprn: str) -> str:
    """A meter point as reports show it: enough to find it, not to know whose it is."""
    return f"{mprn[:2]}…{mprn[-2:]}" if len(mprn) > 6 else "…"
