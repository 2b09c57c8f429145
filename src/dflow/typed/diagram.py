"""Who sends a flow to whom, as a drawing.

In: the routes of a flow version.  Out: SVG that stands in a page as it is, with the
page's own colours, no script and nothing from the network.  This module does not know
role codes: routes are between the catalogue's labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dflow.catalogue import FlowRoute

__all__ = ["routes_svg"]

_ROW = 30
_BOX_WIDTH, _BOX_HEIGHT = 150, 22
_GAP = 260
_MARGIN = 8


def routes_svg(routes: Sequence[FlowRoute], title: str) -> str:
    """A drawing of routes: senders on the left, recipients on the right; blank without any."""
    if not routes:
        return ""
    senders = sorted({route.sender for route in routes})
    recipients = sorted({route.recipient for route in routes})
    height = max(len(senders), len(recipients)) * _ROW + 2 * _MARGIN
    width = 2 * (_BOX_WIDTH + _MARGIN) + _GAP
    right = width - _MARGIN - _BOX_WIDTH
    left_of = {name: _middle(place, len(senders), height) for place, name in enumerate(senders)}
    right_of = {
        name: _middle(place, len(recipients), height) for place, name in enumerate(recipients)
    }
    words = "; ".join(f"{route.sender} to {route.recipient}" for route in routes)
    look = f"max-width: {width}px; width: 100%; color: inherit"
    box = f'viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" style="{look}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(words)}</desc>",
    ]
    parts += [
        _arrow(_MARGIN + _BOX_WIDTH, left_of[route.sender], right, right_of[route.recipient])
        for route in routes
    ]
    parts += [_box(_MARGIN, middle, name) for name, middle in left_of.items()]
    parts += [_box(right, middle, name) for name, middle in right_of.items()]
    return "\n".join([*parts, "</svg>"])


def _middle(place: int, of: int, height: int) -> int:
    """Where a box stands: the shorter column is spread over the height of the longer."""
    return round((2 * place + 1) * height / (2 * of))


def _box(x: int, middle: int, name: str) -> str:
    top = middle - _BOX_HEIGHT // 2
    return (
        f'<rect x="{x}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="4"'
        ' fill="none" stroke="currentColor"/>'
        f'<text x="{x + _BOX_WIDTH // 2}" y="{middle + 4}" text-anchor="middle"'
        f' font-size="12" fill="currentColor">{escape(name)}</text>'
    )


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    half = (to_x - x) // 2
    tip = f"M{to_x - 7},{to_y - 4} L{to_x},{to_y} L{to_x - 7},{to_y + 4}"
    return (
        f'<path d="M{x},{y} C{x + half},{y} {to_x - half},{to_y} {to_x},{to_y} {tip}"'
        ' fill="none" stroke="currentColor" stroke-opacity="0.55"/>'
    )
