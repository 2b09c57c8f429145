"""The address of a message of the half-hourly settlement platform, from its JSON.

In: the bytes of a message.  Out: the same `Header` as any other file's, and findings.
This module does not verify signatures, and never raises about a message.

Source: facts, market section 4.  ``CommonBlock`` holds ``S0`` (interfaceID, schemaVersion),
``S1`` (environmentTag, senderUniqueReference, senderTimestamp, senderDIPID, senderRoleID)
and ``A0`` (primaryRecipients).  What is not known, and what is done about it: the form of
a recipient (a text, or the first of a row of texts, is taken as its DIP id; anything else
is no address), and which environment tag means production (the caller says so; until then
every tagged message counts as a test, and safety keeps it from live destinations).

Hostile input: 16 MiB at most, no name twice in one object, no depth that exhausts the
reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from dflow.envelope.header import Header, HeaderReading, Party
from dflow.envelope.irish import compact_time
from dflow.findings import Place, finding

__all__ = ["MOST_JSON", "read_mhhs"]

#: The longest message that is read, in bytes.
MOST_JSON = 16 * 1024 * 1024

_VALUE = re.compile(r"[\x20-\x7e]{1,200}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def read_mhhs(data: bytes, *, live_tags: Collection[str] = ()) -> HeaderReading:
    """Read the address of a platform message; never raises.

    Args:
        data: the whole message.
        live_tags: the environment tags that mean production.
    """
    if len(data) > MOST_JSON:
        return _refused(f"it is longer than {MOST_JSON} bytes")
    try:
        whole = json.loads(data, object_pairs_hook=_object)
    except RecursionError:
        return _refused("it is nested too deeply")
    except ValueError as error:
        return _refused(f"it is not JSON ({error})")
    common = _part(whole, "CommonBlock")
    service, sender = _part(common, "S0"), _part(common, "S1")
    recipient = _part(common, "A0").get("primaryRecipients")
    if isinstance(recipient, list):
        recipient = recipient[0] if recipient else None
    needed = {
        "S0.interfaceID": service.get("interfaceID"),
        "S1.senderDIPID": sender.get("senderDIPID"),
        "S1.senderRoleID": sender.get("senderRoleID"),
        "A0.primaryRecipients": recipient,
    }
    texts = {name: value for name, value in needed.items() if _is_value(value)}
    missing = [name for name in needed if name not in texts]
    if missing:
        found = tuple(
            finding(
                "header-value",
                Place(line=1, item=name),
                f"The message's {name} is missing, or not a text.",
            )
            for name in missing
        )
        return HeaderReading(header=None, findings=found)
    tag = _text(sender.get("environmentTag"))
    header = Header(
        flow=str(texts["S0.interfaceID"]),
        version=_text(service.get("schemaVersion")),
        sender=Party(str(texts["S1.senderRoleID"]), str(texts["S1.senderDIPID"])),
        recipient=Party("", str(texts["A0.primaryRecipients"])),
        file_id=_text(sender.get("senderUniqueReference")),
        created=compact_time(_text(sender.get("senderTimestamp"))),
        test_flag="" if tag in live_tags else tag,
        envelope="other",
    )
    return HeaderReading(header=header)


def _part(whole: object, name: str) -> dict[str, object]:
    part = whole.get(name) if isinstance(whole, dict) else None
    return part if isinstance(part, dict) else {}


def _is_value(value: object) -> bool:
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def _text(value: object) -> str:
    return value if isinstance(value, str) and _VALUE.fullmatch(value) else ""


def _refused(reason: str) -> HeaderReading:
    found = finding(
        "header-missing", Place(line=1), f"The platform message cannot be read: {reason}."
    )
    return HeaderReading(header=None, findings=(found,))
