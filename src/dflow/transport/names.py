"""Names that come from outside, made into file names that cannot do harm.

In: hostile text, and templates written by the configuration's author.  Out: relative
paths whose every part is plain.  This module does not touch the file system.

A part keeps ASCII letters, digits and ``. _ - ~ +``; everything else becomes ``_``.  It
never starts with a dot (so ``..`` and hidden folders are out of reach) or a dash, never
ends with a dot or as half-written files do, is no name that Windows reserves, and has at
most 150 characters.  Two hostile names may become the same part; who writes files has to
keep them apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["HALF_WRITTEN", "TEMPLATE_WORDS", "fill_template", "safe_name", "template_mistakes"]

#: Endings that writers give to files they have not finished: readers pass them over.
HALF_WRITTEN: tuple[str, ...] = (".part", ".tmp", ".temp", ".filepart", ".crdownload", "~")

#: The words that a name template may hold in braces.
TEMPLATE_WORDS: tuple[str, ...] = (
    "name",
    "stem",
    "key",
    "flow",
    "version",
    "sender",
    "sender_role",
    "recipient",
    "recipient_role",
    "file_id",
    "created",
    "sending_application",
    "receiving_application",
    "test_flag",
)

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_WORD = re.compile(r"\{([^{}]*)\}")
_LONGEST = 150


def safe_name(text: str) -> str:
    """One part of a path from any text, never empty.

    >>> safe_name("../../etc/passwd"), safe_name("NUL.usr"), safe_name("")
    ('_.._.._etc_passwd', '_NUL.usr', '_')
    """
    part = re.sub(r"[^A-Za-z0-9._\-~+]", "_", text)
    if len(part) > _LONGEST:
        # The cut name keeps its extension, and a mark that tells long names apart.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        part = f"{part[: _LONGEST - 30]}-{digest}{PurePosixPath(part).suffix[:12]}"
    if part.endswith("."):
        part = part[:-1] + "_"
    if part.endswith(HALF_WRITTEN):
        part += "_"
    if not part or part[0] in ".-" or _RESERVED.match(part):
        part = "_" + part
    return part


def template_mistakes(template: str) -> list[str]:
    """What is wrong with a name template; nothing if it can be used.

    >>> template_mistakes("{flow}/{file_id}.usr")
    []
    >>> template_mistakes("../{flo}")
    ["'..' may not be a folder of a name", 'no word {flo}']
    """
    mistakes = [
        f"'{part}' may not be a folder of a name"
        for part in template.split("/")
        if part in (".", "..")
    ]
    if template.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", template):
        mistakes.append("a name starts in its destination's folder, not at a root")
    if not template or template.endswith("/"):
        mistakes.append("the name of the file is missing")
    mistakes += [
        f"no word {{{word}}}" for word in _WORD.findall(template) if word not in TEMPLATE_WORDS
    ]
    if re.search(r"[{}]", _WORD.sub("", template)):
        mistakes.append("a brace has no partner")
    return mistakes


def fill_template(
    template: str, *, name: str, key: str, address: Mapping[str, str]
) -> PurePosixPath:
    """The relative path that a template gives; every part of it is plain.

    Only the template's own slashes divide folders: one inside a value becomes ``_``.
    """
    words = {word: str(address.get(word, "")) for word in TEMPLATE_WORDS}
    words["name"], words["key"] = name, key
    words["stem"] = name.rsplit(".", 1)[0] if "." in name.lstrip(".") else name

    def fill(part: str) -> str:
        return _WORD.sub(lambda found: words.get(found[1], "").replace("/", "_"), part)

    parts = [safe_name(fill(part)) for part in template.split("/") if part]
    return PurePosixPath(*parts)
