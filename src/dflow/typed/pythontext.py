"""Pieces of Python source, laid out as the formatter lays them out.

In: names, arguments, texts.  Out: lines of source that `ruff format` leaves as they are,
so that generated modules are formatted without it.  This module does not know flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "WIDTH",
    "annotated",
    "call",
    "children",
    "docstring",
    "literal",
    "literals",
    "mapping",
    "signature",
]

#: Columns of a line, as the project's formatter is set.
WIDTH = 100


def literal(text: str) -> str:
    r"""A text as a Python literal, in double quotes unless single ones save escapes."""
    quoted = repr(text)
    if '"' in text and "'" not in text:
        return quoted
    body = quoted[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{body}"'


def docstring(text: str, *, indent: int = 4) -> str:
    """A docstring on one line, however long: a summary may not be cut."""
    lead = " " * indent
    safe = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{lead}"""{safe}"""'


def call(lead: str, name: str, arguments: Sequence[str]) -> Iterator[str]:
    """A call, on one line if it fits, or its arguments on one, or one a line."""
    inside = ", ".join(arguments)
    one = f"{lead}{name}({inside})"
    if len(one) <= WIDTH:
        yield one
        return
    indent = " " * (len(lead) - len(lead.lstrip()))
    yield f"{lead}{name}("
    if len(indent) + 4 + len(inside) <= WIDTH:
        yield f"{indent}    {inside}"
    else:
        for argument in arguments:
            yield from _argument(f"{indent}    ", argument)
    yield f"{indent})"


def children(attribute: str, model: str) -> list[str]:
    """A field of a class that holds a tuple of objects."""
    one = f"    {attribute}: tuple[{model}, ...] = ()"
    if len(one) <= WIDTH:
        return [one]
    return [f"    {attribute}: tuple[", f"        {model}, ...", "    ] = ()"]


def annotated(attribute: str, of: str, end: str) -> list[str]:
    """A field of a class, its type in brackets on a line of its own if need be."""
    one = f"    {attribute}: {of}{end}"
    if len(one) <= WIDTH:
        return [one]
    if end and len(f"    {attribute}: {of} = (") <= WIDTH:
        return [f"    {attribute}: {of} = (", f"        {end.removeprefix(' = ')}", "    )"]
    return [f"    {attribute}: (", f"        {of}", f"    ){end}"]


def signature(name: str, parameters: str, returns: str, *, indent: int = 0) -> list[str]:
    """The head of a function."""
    lead = " " * indent
    one = f"{lead}def {name}({parameters}) -> {returns}:"
    if len(one) <= WIDTH:
        return [one]
    return [f"{lead}def {name}(", f"{lead}    {parameters}", f"{lead}) -> {returns}:"]


def _argument(indent: str, argument: str) -> Iterator[str]:
    """One argument a line; a choice that does not fit is cut before its words."""
    if len(indent) + len(argument) + 1 <= WIDTH:
        yield f"{indent}{argument},"
        return
    if " if " not in argument:
        value, sign, other = argument.partition(" ==")
        yield from (f"{indent}{value}", f"{indent}=={other},") if sign else (f"{indent}{value},",)
        return
    value, _, rest = argument.partition(" if ")
    test, _, other = rest.partition(" else ")
    yield f"{indent}{value}"
    yield f"{indent}if {test}"
    yield f"{indent}else {other},"


def literals(lead: str, texts: Sequence[str]) -> list[str]:
    """An assignment of a `Literal` of some texts."""
    quoted = [literal(text) for text in texts]
    one = f"{lead} = Literal[{', '.join(quoted)}]"
    if len(one) <= WIDTH:
        return [one]
    inside = ", ".join(quoted)
    if len(inside) + 4 <= WIDTH:
        return [f"{lead} = Literal[", f"    {inside}", "]"]
    return [f"{lead} = Literal[", *(f"    {text}," for text in quoted), "]"]


def mapping(name: str, of: str, pairs: Mapping[str, str], *, quote: bool = True) -> list[str]:
    """An assignment of a dictionary, one pair a line; `quote` its values if they are texts."""
    show = literal if quote else str
    lead = [f"{name}: {of} = {{"]
    if len(lead[0]) > WIDTH:
        inside = of.removeprefix("dict[").removesuffix("]")
        lead = [f"{name}: dict[", f"    {inside}", "] = {"]
    return [*lead, *(f"    {literal(k)}: {show(v)}," for k, v in pairs.items()), "}"]
