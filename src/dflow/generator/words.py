"""The plainly invented words of made-up files.

In: nothing.  Out: tables of texts, the simplest first.  This module does not know which
item takes which table.

Nobody is called so and nobody lives there; the participants are those of the examples.
Reserved words (``VACANT``) stand among the names because real files hold them there and
programs trip over them.
"""

from __future__ import annotations

__all__ = [
    "ADDRESS_LINES",
    "GSP_GROUPS",
    "LONG_A",
    "LONG_SPACED",
    "NAMES",
    "PARTICIPANTS",
    "PEOPLE",
    "PUNCTUATION",
    "REMARKS",
    "TEXTS",
]

#: Market participant ids.
PARTICIPANTS = ("UDMS", "OLDM", "NEWM", "OLDS", "NEWS", "TSTA", "TSTB", "TSTC")

#: Names of people, and what stands in their place.
PEOPLE = (
    "A EXAMPLE",
    "MS B SAMPLE",
    "MR C O'NEILL-TEST",
    "VACANT",
    "THE OCCUPIER",
    "DR DORA DUMMY & SON",
    "INVENTED PERSON (LATE)",
)

#: Names of organisations.
NAMES = ("EXAMPLE", "SAMPLE ENERGY LTD", "MADE-UP NETWORKS PLC", "TEST & TRIAL METERS")

#: Lines of addresses.
ADDRESS_LINES = (
    "1",
    "FLAT 2",
    "EXAMPLE HOUSE",
    "3A NOWHERE STREET",
    "LITTLE SAMPLE",
    "INVENTED-ON-SEA",
    "NO SUCH SHIRE",
)

#: ``_A`` is seen in files; the others follow it.
GSP_GROUPS = ("_A", "_B", "_C", "_D", "_E", "_F", "_G", "_H")

#: Free text.
REMARKS = (
    "NONE",
    "no access",
    "meter behind the door, see note",
    "AM: 08:00-12:00; ask for the key",
    "100% checked (twice) @ site",
)

#: Short texts for whatever has no table of its own.
TEXTS = ("A", "1", "AB", "01", "A1", "ABC", "001", "TEST", "SAMPLE", "NOT KNOWN", "SEE LETTER 7")

#: Cut to an item's length, the longest text without a space.
LONG_A = "A" * 300

#: Cut to an item's length, the longest text with spaces.
LONG_SPACED = "MADE UP TEXT " * 25

#: Every printable ASCII character that is no letter, digit or pipe.
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{}~"
