"""Files made up for tests: a D0010 that is right, and ways to put other bodies in it."""

from __future__ import annotations

from collections.abc import Sequence

from dflow.identifiers import mpan_check_digit

HEADER = "ZHV|0000000001|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|"


def d0010(
    body: Sequence[str] | None = None,
    *,
    header: str = HEADER,
    trailer: str | None = None,
    instances: int | None = None,
) -> bytes:
    """A D0010 with this body, its counts right unless a trailer is given."""
    records = list(RIGHT if body is None else body)
    flows = sum(record.startswith("026|") for record in records) if instances is None else instances
    end = f"ZPT|0000000001|{len(records)}||{flows}|20260302154650|" if trailer is None else trailer
    return ("\n".join([header, *records, *([end] if end else [])]) + "\n").encode("latin-1")


def _right() -> list[str]:
    records: list[str] = []
    for number in range(3):
        core = f"1{number}0000000{number}12"[:12]
        mpan = core + mpan_check_digit(core)
        records += [
            f"026|{mpan}|V|",
            f"028|METER{number}|C|",
            "030|01|20260228000000|88285.0|||T|N|",
            "032|01|T|",
        ]
    return records


RIGHT = tuple(_right())
