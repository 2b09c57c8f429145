"""Portfolios: the meter points that made-up files are about.

In: a text of one MPAN a line, or CSV with a column ``mpan``.  Out: the MPANs, in order,
or every mistake with its line.  This module opens no file.
"""

from __future__ import annotations

import csv

from dflow.errors import RefusedText, TextFault
from dflow.identifiers import is_mpan

__all__ = ["portfolio_from"]

#: At most so many mistakes are told; a wrong file would have as many as lines.
_MOST_FAULTS = 20


def portfolio_from(text: str, *, source: str = "<portfolio>") -> tuple[str, ...]:
    r"""The MPANs of a portfolio.

    The first line may name the columns; then the column ``mpan`` is taken, in any letter
    case.  Without such a line the first column is taken.  Blank lines are passed over.

    >>> portfolio_from("mpan,name\n1000000000003,A EXAMPLE\n")
    ('1000000000003',)

    Raises:
        RefusedText: if a line holds no MPAN with its right check digit, or there is none.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    rows = [(number, row) for number, row in enumerate(csv.reader(lines), 1) if any(row)]
    column = 0
    if rows and not rows[0][1][0].strip().isdigit():
        names = [name.strip().casefold() for name in rows[0][1]]
        if "mpan" not in names:
            raise RefusedText([_fault(source, 1, "no column is named mpan", lines[0])])
        column = names.index("mpan")
        del rows[0]
    found: list[str] = []
    faults: list[TextFault] = []
    for number, row in rows:
        value = row[column].strip() if column < len(row) else ""
        if is_mpan(value):
            found.append(value)
        else:
            faults.append(_fault(source, number, f"{value!r} is no MPAN", lines[number - 1]))
    if not found and not faults:
        faults.append(_fault(source, 0, "the portfolio holds no MPAN", ""))
    if faults:
        raise RefusedText(faults[:_MOST_FAULTS])
    return tuple(found)


def _fault(source: str, line: int, message: str, text: str) -> TextFault:
    return TextFault(
        source=source,
        line=line,
        column=0,
        message=message,
        expected=("13 digits with the right check digit",) if line else (),
        text=text,
    )
