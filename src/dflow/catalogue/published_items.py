"""The table of a published item: labelled rows to an item and its code list.

In: a two-column table that opens with ``Item Name:``.  Out: the item's facts and remarks
about what could not be read.  Descriptions, validation rules and notes are prose and are
not carried.  This module does not know files.

A valid set is a code list where its rows read ``A - text``.  Many sets are sentences, and
are left out; many lists were lost in the publication, which says ``Values are:-`` and shows
nothing.  A list is complete only where every row was read.
"""

from __future__ import annotations

import re

from dflow.catalogue.formats import parse_format
from dflow.catalogue.model import CodeList
from dflow.catalogue.published import PublishedItem
from dflow.catalogue.wordfile import Table, one_line

__all__ = ["Remarks", "read_item"]

#: Row and message, of what was read with a doubt.
Remarks = tuple[tuple[int, str], ...]

#: A row of a code list: a code, a dash with space after it, a label.
_ROW = re.compile(r"(\S{1,20})\s*-\s+(\S.*)", re.DOTALL)

#: A row that lost its label: everything before the dash is the code.
_NO_LABEL = re.compile(r"(\S.{0,49}?)\s+-")

#: A second code glued to the end of a first label, as where the publication lost a line
#: break: ``T - Yes, it movesF - No, it does not``.
_GLUED = re.compile(r"(?<=[a-z.)])[A-Z0-9]{1,4} - ")


def read_item(table: Table) -> tuple[PublishedItem, Remarks]:
    """The item that a table describes, and remarks: row and message.

    Its texts are empty where the table says nothing, the reference and the name too.
    """
    cells: dict[str, list[tuple[int, str]]] = {}
    label = ""
    for number, row in enumerate(table.rows, start=1):
        if row and row[0].endswith(":"):
            label = row[0][:-1].casefold()
        if len(row) > 1 and row[1]:
            cells.setdefault(label, []).append((number, row[1]))
    texts = {label: one_line(rows[0][1]) for label, rows in cells.items()}
    remarks: list[tuple[int, str]] = []
    fmt = "UNSTATED"
    if "logical format" in texts:
        try:
            fmt = str(parse_format(texts["logical format"]))
        except ValueError as error:
            remarks.append((cells["logical format"][0][0], f"{error}; left unstated"))
    codes = _codes(cells.get("valid set", []), remarks)
    units = texts.get("item units", "")
    item = PublishedItem(
        reference=texts.get("item reference", ""),
        name=texts.get("item name", ""),
        format=fmt,
        domain=texts.get("domain", ""),
        units="" if units.casefold() == "none" else units,
        owner=texts.get("item ownership", ""),
        codes=codes,
    )
    return item, tuple(remarks)


def _codes(rows: list[tuple[int, str]], remarks: list[tuple[int, str]]) -> CodeList | None:
    codes: dict[str, str] = {}
    complete = True
    unread: list[tuple[int, str]] = []
    for number, row in rows:
        if found := _ROW.fullmatch(row):
            code, label = found[1], one_line(found[2])
            if glued := _GLUED.search(label):
                remarks.append((number, "several codes in one row; the list is incomplete"))
                label, complete = label[: glued.start()].strip(), False
            if code in codes:
                remarks.append((number, f"code {code!r} stands twice; the first label is kept"))
            codes.setdefault(code, label)
        elif found := _NO_LABEL.fullmatch(row):
            remarks.append(
                (number, f"code {found[1]!r} has lost its label; the list is incomplete")
            )
            codes.setdefault(found[1], "")
            complete = False
        else:
            unread.append((number, row))
    if not codes:
        if rows and re.match(r"values are\b", rows[0][1].casefold()):
            bare = len(rows[0][1]) <= len("Values are:-")
            lost = "was lost in the publication" if bare else "cannot be taken apart"
            remarks.append((rows[0][0], f"the list of values {lost}"))
        return None
    remarks += [(number, "no row of a code list; the list is incomplete") for number, _ in unread]
    return CodeList(codes=codes, complete=complete and not unread)
