"""Word files made for tests: paragraphs and tables to a ``.docx``, and hostile ones."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

#: A paragraph's text, or a table's rows.
MadeBlock = str | Sequence[Sequence[str]]


def document(blocks: Sequence[MadeBlock]) -> str:
    """The XML of a Word document that holds these blocks."""
    body = "".join(_paragraph(b) if isinstance(b, str) else _table(b) for b in blocks)
    return f'<w:document xmlns:w="{NAMESPACE}"><w:body>{body}</w:body></w:document>'


def _paragraph(text: str) -> str:
    return f'<w:p><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<w:tc>{_paragraph(cell)}</w:tc>" for cell in row) for row in rows]
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def write_docx(path: Path, xml: str | bytes, *, member: str = "word/document.xml") -> Path:
    """Write an archive with this document."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, xml)
    return path


LEVELS = [f"L{n}" for n in range(1, 9)]
STRUCTURE_HEAD = [
    "Group",
    "Group Description",
    "Range",
    "Condition",
    *LEVELS,
    "Item Reference",
    "Item Name",
    "Format",
]


def group_row(level: int, code: str, name: str, text: str) -> list[str]:
    """A structure row of a group."""
    marks = ["G" if n == level else "" for n in range(1, 9)]
    return [code, name, text, "", *marks, "", "", ""]


def item_row(level: int, mark: str, reference: str, name: str, fmt: str) -> list[str]:
    """A structure row of an item; `level` is one more than its group's."""
    marks = [mark if n == level else "" for n in range(1, 9)]
    return ["", "", "", "", *marks, reference, name, fmt]


def flow_blocks(
    reference: str,
    version: str,
    name: str,
    routes: Sequence[tuple[str, str]],
    structure: Sequence[Sequence[str]],
) -> list[MadeBlock]:
    """The tables of one flow, as the layout has them."""
    listed = list(dict.fromkeys((row[12], row[13]) for row in structure if row[12]))
    return [
        [["Flow Reference:", reference], ["Flow Version:", version, "Status: Operational"]],
        [["Flow Name:", name], ["Flow Description:", "prose"], ["Flow Ownership:", "US"]],
        [["From", "To", "Version"], *([a, b, "1"] for a, b in routes)],
        "Data Items:",
        [["Reference", "Item Name"], *(list(pair) for pair in listed)],
        "Flow Structure:",
        [STRUCTURE_HEAD, *structure],
        [["Notes:", "prose that is never carried over"]],
    ]


def item_blocks(
    reference: str, name: str, fmt: str, valid_set: Sequence[str] = ("Any",)
) -> list[MadeBlock]:
    """The table of one item, as the layout has it."""
    return [
        [
            ["Item Name:", name],
            ["Item Reference:", reference],
            ["Item Ownership:", "US"],
            ["Item Description:", "prose that is never carried over"],
            ["Item Units:", "None"],
            ["Valid Set:", valid_set[0]],
            *(["", row] for row in valid_set[1:]),
            ["Validation:", "As Valid Set"],
            ["Domain:", "Code"],
            ["Logical Format:", fmt],
            ["Physical Length:", ""],
            ["Notes:", "prose that is never carried over"],
        ]
    ]
