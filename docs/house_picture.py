"""Draws the house from its import contract: `python docs/house_picture.py`.

In: the layers in `pyproject.toml`.  Out: `docs/explanation/house.svg`.  A test draws it
again and compares, so the picture cannot tell another story than the contract.
"""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
PICTURE = _CHECKOUT / "docs" / "explanation" / "house.svg"

_WIDTH, _LEFT, _FLOOR, _GAP = 860, 92, 46, 8
_NAMES = {"testing": "garden", "cli": "roof", "errors": "ground"}
_FONT = 'font-family="ui-sans-serif, system-ui, sans-serif" font-size="14"'


def floors() -> list[tuple[str, list[str]]]:
    """The floors from the roof down: what a floor is called, if it is, and its rooms."""
    config = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text("utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["id"] == "floors"]
    rows = [[room.strip(" ()") for room in row.split("|")] for row in contract["layers"]]
    return [(_NAMES.get(row[0], ""), row) for row in rows]


def picture() -> str:
    """The house as SVG, each floor a row of rooms."""
    rows = floors()
    height = len(rows) * (_FLOOR + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        "<title>The floors of the house; imports go down only</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
    ]
    for index, (name, rooms) in enumerate(rows):
        top = _GAP + index * (_FLOOR + _GAP)
        middle = top + _FLOOR // 2 + 5
        parts.append(f'<text x="{_GAP * 2}" y="{middle}" {_FONT} fill="#57606a">{name}</text>')
        width = (_WIDTH - _LEFT - _GAP) / len(rooms)
        for place, room in enumerate(rooms):
            left = _LEFT + place * width
            fill = "#eef6ee" if name == "garden" else "#eaf1fb"
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width - _GAP:.1f}" height="{_FLOOR}"'
                f' rx="4" fill="{fill}" stroke="#8aa4c8"/>'
            )
            centre = left + (width - _GAP) / 2
            parts.append(
                f'<text x="{centre:.1f}" y="{middle}" {_FONT} fill="#1f2328"'
                f' text-anchor="middle">{escape(room)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
