"""Text made safe to show, and coloured if asked.

In: text from files, hostile until shown otherwise.  Out: text that a terminal prints as
one line, with colour or without.  This module does not know streams: whoever writes to
one decides whether it is coloured.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["PLAIN", "VIVID", "Paint", "Role", "printable"]

#: What a piece of text is, from which its colour follows.
Role = Literal["error", "warning", "advice", "info", "faint", "strong", "good", "name", "value"]

_CODES: dict[Role, str] = {
    "error": "1;31",
    "warning": "1;33",
    "advice": "1;36",
    "info": "1;34",
    "faint": "2",
    "strong": "1",
    "good": "1;32",
    "name": "36",
    "value": "1",
}


def printable(text: str) -> str:
    r"""The text with every unprintable character replaced by one visible character.

    The length stays, so that a caret below the text stays in its place.  Characters 0 to
    31 become their control pictures; the others that a terminal obeys or does not show (C1
    controls, the soft hyphen, marks of direction) the replacement character.

    >>> printable("026|\x1b[2J|")
    '026|␛[2J|'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _picture(ord(one)) for one in text)


def _picture(number: int) -> str:
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else "\ufffd"


@frozen
class Paint:
    """Colours text, or leaves it as it is.

    Attributes:
        vivid: whether it colours.
    """

    vivid: bool = False

    def __call__(self, role: Role, text: str) -> str:
        """The text in the colour of its role; escape sequences in the text stay as they are."""
        if not self.vivid or not text:
            return text
        return f"\x1b[{_CODES[role]}m{text}\x1b[0m"


#: No colour: for pipes and files.
PLAIN = Paint()
#: Colour by ANSI sequences: for terminals.
VIVID = Paint(vivid=True)
