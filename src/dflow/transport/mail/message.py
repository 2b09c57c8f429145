"""A parcel as an e-mail, in which no hostile text becomes a header.

In: a parcel and templates.  Out: a message.  This module does not know servers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from dflow.transport.names import TEMPLATE_WORDS, safe_name
from dflow.transport.parcel import Parcel

__all__ = ["compose", "message_id", "text_mistakes"]

_WORD = re.compile(r"\{([^{}]*)\}")
#: What a word of a header may hold in a subject or a body, and so many characters of it.
_HARMLESS, _LONGEST = re.compile(r"[^ A-Za-z0-9._\-~+/:]"), 100


def text_mistakes(template: str) -> list[str]:
    """What is wrong with a template of a subject or body; nothing if it can be used."""
    mistakes = [
        f"no word {{{word}}}" for word in _WORD.findall(template) if word not in TEMPLATE_WORDS
    ]
    if re.search(r"[{}]", _WORD.sub("", template)):
        mistakes.append("a brace has no partner")
    return mistakes


def _fill(template: str, parcel: Parcel) -> str:
    words = {word: str(parcel.address.get(word, "")) for word in TEMPLATE_WORDS}
    words |= {"name": parcel.name, "key": parcel.key, "stem": parcel.name.rsplit(".", 1)[0]}
    return _WORD.sub(lambda found: _HARMLESS.sub("_", words[found[1]])[:_LONGEST], template)


def message_id(key: str, sender: str) -> str:
    """The Message-ID of a key: the same for every attempt, so that readers can tell repeats.

    >>> message_id("k", "dflow@sender.example")
    '<8254c329a92850f6d539dd376f4816ee2764517d@dflow.sender.example>'
    """
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{digest[:40]}@dflow.{sender.rpartition('@')[2]}>"


def compose(
    parcel: Parcel,
    *,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    body: str,
    at: datetime,
    sidecar: bool,
) -> bytes:
    """The message as it goes over the line."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = " ".join(_fill(subject, parcel).split())
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(parcel.key, sender)
    message["Auto-Submitted"] = "auto-generated"
    message["dflow-sha256"] = hashlib.sha256(parcel.content).hexdigest()
    message.set_content(_fill(body, parcel))
    name = safe_name(parcel.name)
    message.add_attachment(
        parcel.content, maintype="application", subtype="octet-stream", filename=name
    )
    if sidecar and parcel.notes:
        notes = json.dumps(dict(parcel.notes), indent=2, sort_keys=True).encode() + b"\n"
        message.add_attachment(
            notes, maintype="application", subtype="json", filename=f"{name}.provenance.json"
        )
    return message.as_bytes()
