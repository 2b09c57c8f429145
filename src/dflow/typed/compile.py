"""Straight-line decoders, compiled from a shape.

In: the fields and children of a model.  Out: a function from the texts of a record, and
the objects below it, to an object of the model.  This module does not check anything:
whoever calls the function has seen that the texts are right.

What is compiled holds attribute numbers and names of kinds only; no text of a catalogue
or of a file gets into it.  For D0010's register readings it begins::

    def decode(v, c):
        o = new(model)
        set_0(o, v[1])
        set_1(o, datetimes[v[2]])
        set_2(o, Decimal(v[3]))
        set_3(o, datetimes[v[4]] if v[4] else None)
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dflow.typed.values import DATES, DATETIMES, TIMES, Kind

if TYPE_CHECKING:
    from dflow.typed.shape import GroupShape

__all__ = ["decoder"]

_CALLS: dict[Kind, str] = {
    "str": "v[{}]",
    "code": "v[{}]",
    "int": "int(v[{}])",
    "Decimal": "Decimal(v[{}])",
    "bool": "v[{}] == 'T'",
    "date": "dates[v[{}]]",
    "time": "times[v[{}]]",
    "datetime": "datetimes[v[{}]]",
}


def decoder(shape: GroupShape[Any]) -> Callable[..., Any]:
    """The decoder of a model: fields by position, the code at 0, and children by kind."""
    names: dict[str, Any] = {
        "Decimal": Decimal,
        "model": shape.model,
        "new": object.__new__,
        "dates": DATES,
        "datetimes": DATETIMES,
        "times": TIMES,
    }
    lines = ["def decode(v, c):", "    o = new(model)"]

    def put(attribute: str, value: str) -> None:
        number = len(lines) - 2
        # The slot's own setter: the class is frozen for its users, not for its maker.
        names[f"set_{number}"] = getattr(shape.model, attribute).__set__
        lines.append(f"    set_{number}(o, {value})")

    for position, item in enumerate(shape.items, start=1):
        if item.attribute:
            value = _CALLS[item.kind].format(position)
            if item.presence == "optional":
                value = f"{value} if v[{position}] else None"
            put(item.attribute, value)
    for kind, child in enumerate(shape.children):
        put(child.attribute, f"tuple(c[{kind}]) if c else ()")
    lines.append("    return o")
    origin = f"<decoder of {shape.model.__module__}.{shape.model.__name__}>"
    exec(compile("\n".join(lines), origin, "exec"), names)  # noqa: S102  as attrs and dataclasses do
    made: Callable[..., Any] = names["decode"]
    return made
