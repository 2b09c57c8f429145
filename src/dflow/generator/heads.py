"""Headers from choices: some bytes become an address, a day and line ends.

In: bytes of choice, a flow and the role codes it travels between.  Out: a `MadeHeader`.
This module does not know where choices come from.
"""

from __future__ import annotations

from attrs import frozen

from dflow.envelope import Header, Party
from dflow.generator import calendar
from dflow.generator.plan import RolePairs
from dflow.generator.words import PARTICIPANTS

__all__ = ["HEADER_WIDTH", "MadeHeader", "header_from"]

#: Bytes of choice that a header takes.
HEADER_WIDTH = 10

#: Over how many days made-up files spread.
_DAYS = calendar.LAST_DAY - calendar.EPOCH + 1


@frozen
class MadeHeader:
    """A header, and what the rest of its file goes by.

    Attributes:
        header: the header.
        day: its day, as an ordinal; the dates of the body are told from it.
        end: the line terminator of the file.
    """

    header: Header
    day: int
    end: str


def header_from(choice: bytes, flow: str, version: str, roles: RolePairs) -> MadeHeader:
    """The header that `HEADER_WIDTH` bytes of choice mean, with the day and line ends."""
    day = calendar.EPOCH + int.from_bytes(choice[0:2], "big") % _DAYS
    time = calendar.time_text(int.from_bytes(choice[2:4], "big"))
    sender_role, recipient_role = roles[choice[4] % len(roles)]
    sender = choice[5] % len(PARTICIPANTS)
    # Counted on from the sender, so that the two always differ.
    recipient = (sender + 1 + choice[6] % (len(PARTICIPANTS) - 1)) % len(PARTICIPANTS)
    number = int.from_bytes(choice[7:9], "big")
    flags = choice[9]
    header = Header(
        flow=flow,
        version=version,
        sender=Party(sender_role, PARTICIPANTS[sender]),
        recipient=Party(recipient_role, PARTICIPANTS[recipient]),
        file_id=f"DS{number:08X}" if flags & 64 else f"{number:010d}",
        created=calendar.day_text(day) + time,
        sending_application="BILLS" if flags & 48 == 48 else "",
        receiving_application="HOST1" if flags & 40 == 40 else "",
        test_flag=("", "OPER", "TR01", "TEST")[flags >> 1 & 3],
    )
    return MadeHeader(header, day, "\r\n" if flags & 1 else "\n")
