"""Shelves of the catalogue: items and code lists, a file of each at a time.

In: the TOML texts of `items/` and `codes/`.  Out: definitions, or `RefusedText` with file,
line and near miss.  This module does not know which items exist, nor where the files are.
"""

from __future__ import annotations

from dflow.catalogue.formats import UNSTATED, Format, parse_format
from dflow.catalogue.model import CodeList, ItemDef
from dflow.catalogue.tables import ITEM_REFERENCE, TableReader, is_code
from dflow.tomltext import TomlText, TomlValue

__all__ = ["codes_from", "items_from"]

_ITEM_KEYS = ("name", "format", "domain", "units", "owner", "provenance", "corrects")
_CODE_KEYS = ("complete", "codes", "provenance", "corrects")


def codes_from(toml: TomlText) -> dict[str, CodeList]:
    """The code lists that a shelf file holds, by item reference.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    lists: dict[str, CodeList] = {}
    for jcode, table in reader.top_tables():
        if not is_code(ITEM_REFERENCE, jcode):
            reader.fault((jcode,), f"{jcode!r} is no item", expected=("a table such as [J0003]",))
        reader.keys(table, (jcode,), _CODE_KEYS)
        labels = reader.table(table, (jcode,), "codes")
        complete = table.get("complete", True)
        if not isinstance(complete, bool):
            reader.fault((jcode, "complete"), "'complete' says neither true nor false")
        codes = {code: reader.text(labels, (jcode, "codes"), code) for code in labels}
        lists[jcode] = CodeList(codes=codes, complete=complete is True)
    reader.done()
    return lists


def items_from(
    toml: TomlText,
    codes: dict[str, CodeList],
    sensitive: dict[str, str],
    *,
    known: frozenset[str] = frozenset(),
) -> dict[str, ItemDef]:
    """The items that a shelf file describes, by J-code.

    Args:
        toml: the file: one table an item.
        codes: the known code lists, by J-code.
        sensitive: why an item is sensitive, by J-code.
        known: items of other layers, to which the file may add without naming them again.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    items: dict[str, ItemDef] = {}
    for jcode, table in reader.top_tables():
        if not is_code(ITEM_REFERENCE, jcode):
            reader.fault((jcode,), f"{jcode!r} is no item", expected=("a table such as [J0003]",))
            continue
        reader.keys(table, (jcode,), _ITEM_KEYS)
        items[jcode] = ItemDef(
            jcode=jcode,
            name=reader.text(table, (jcode,), "name", "" if jcode in known else None),
            format=_format(reader, table, jcode),
            domain=reader.text(table, (jcode,), "domain", ""),
            units=reader.text(table, (jcode,), "units", ""),
            owner=reader.text(table, (jcode,), "owner", ""),
            codes=codes.get(jcode),
            sensitive=sensitive.get(jcode, ""),
            provenance=reader.provenance(table, (jcode,)),
        )
    reader.done()
    return items


def _format(reader: TableReader, table: dict[str, TomlValue], jcode: str) -> Format:
    try:
        return parse_format(reader.text(table, (jcode,), "format", "UNSTATED"))
    except ValueError as error:
        reader.fault((jcode, "format"), str(error))
        return UNSTATED
