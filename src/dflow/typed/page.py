"""Flow versions as pages of the reference, in Markdown (MyST).

In: definitions of a catalogue.  Out: one page a flow version, and an index of them.
Nothing is kept in the project: the documentation makes its pages when it is built.

A page holds what the catalogue holds: names, provenance, routes with a drawing, the
tree with its items, the names in Python, code lists, and the grammar.  Trees and lists
are plain text, so that they can be searched and a few hundred pages still build quickly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from dflow.catalogue import FlowDef, GroupDef, ItemDef, ItemPlace
from dflow.grammar import grammar_text
from dflow.typed.diagram import routes_svg
from dflow.typed.names import group_names, item_names, module_name
from dflow.typed.values import kind_of

__all__ = ["flow_index", "flow_page", "flow_pages"]

_MADE = "% Made from the catalogue when the documentation is built; do not edit."


def flow_pages(definitions: Iterable[FlowDef]) -> dict[str, str]:
    """The pages of some flow versions and their index, by file name."""
    known = list(definitions)
    pages = {f"{module_name(definition)}.md": flow_page(definition) for definition in known}
    return {**pages, "index.md": flow_index(known)}


def flow_index(definitions: Iterable[FlowDef]) -> str:
    """The page that leads to the others."""
    lines = [_MADE, "", "# Flows", ""]
    lines += [
        "Every flow version of the bundled catalogue: its tree, items, code lists, grammar, and",
        "who sends it to whom.",
        "",
    ]
    for definition in definitions:
        note = "" if definition.structured else " (only its envelope is known)"
        link = f"[{definition}]({module_name(definition)}.md)"
        lines.append(f"- {link} {_plain(definition.name)}{note}")
    return "\n".join([*lines, ""])


def flow_page(definition: FlowDef) -> str:
    """The page of a flow version."""
    # Orphans, because a side bar of hundreds would help nobody: the index leads to them.
    parts = ["---", "orphan: true", "---", "", _MADE, ""]
    parts += [
        f"# {definition} {_plain(definition.name)}",
        "",
        *_facts(definition),
        "",
        "## Who sends it to whom",
        "",
        *_routes(definition),
    ]
    if definition.structured:
        parts += ["", "## Groups and items", "", *_tree(definition)]
        parts += [*_conditions(definition), *_code_lists(definition)]
        parts += ["", "## Grammar", "", *_grammar(definition)]
        parts += ["", "## In Python", "", *_python(definition)]
    else:
        parts += ["", "## Groups and items", ""]
        parts += ["Not known: a file of it is routed and copied, and its body carried as it is."]
    return "\n".join([*parts, ""])


def _plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", text)


def _facts(definition: FlowDef) -> Iterator[str]:
    origin = definition.provenance
    detail = f": {_plain(origin.detail)}" if origin.detail else ""
    yield "| | |"
    yield "|---|---|"
    yield f"| Source | {_plain(origin.source)}{detail} |"
    if definition.status:
        yield f"| Status | {_plain(definition.status)} |"
    if definition.owner:
        yield f"| Owner | {_plain(definition.owner)} |"


def _routes(definition: FlowDef) -> Iterator[str]:
    if not definition.routes:
        yield "Not known."
        return
    yield from _raw(routes_svg(definition.routes, str(definition)))
    yield ""
    by_sender: dict[str, list[str]] = {}
    for route in definition.routes:
        by_sender.setdefault(route.sender, []).append(route.recipient)
    for sender, recipients in by_sender.items():
        yield f"- {_plain(sender)} to {', '.join(map(_plain, recipients))}"


def _raw(html: str) -> Iterator[str]:
    """HTML as it is: it costs a build nothing, and its words are not searched."""
    yield from ("```{raw} html", *html.split("\n"), "```")


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    yield from ("```text", *lines, "```")


def _tree(definition: FlowDef) -> Iterator[str]:
    yield "A group stands with its range, an item with its J-code, presence and format."
    yield ""
    rows = [row for group in definition.groups for row in _rows(group, 0)]
    width = max(len(left) for left, _ in rows)
    yield from _fenced(f"{left.ljust(width)}  {right}".rstrip() for left, right in rows)


def _rows(group: GroupDef, level: int) -> Iterator[tuple[str, str]]:
    lead = "    " * level
    yield f"{lead}{group.code}  {group.name}".rstrip(), str(group.range)
    for place in group.items:
        yield f"{lead}  {place.jcode}  {place.name}", _right(place)
    for child in group.groups:
        yield from _rows(child, level + 1)


def _right(place: ItemPlace) -> str:
    presence = "always blank" if place.presence == "blank" else place.presence
    codes = f", {len(place.item.codes.codes)} codes" if place.item.codes else ""
    units = f", {place.item.units}" if place.item.units else ""
    return f"{presence}, {place.item.format}{units}{codes}"


def _conditions(definition: FlowDef) -> Iterator[str]:
    if not definition.conditions:
        return
    yield from ("", "## Conditions", "")
    for condition in definition.conditions:
        yield f"- `{condition}` ({_plain(condition.source)})"


def _code_lists(definition: FlowDef) -> Iterator[str]:
    items: dict[str, ItemDef] = {}
    for group in definition.walk():
        for place in group.items:
            if place.item.codes is not None and place.item.codes.codes:
                items[place.jcode] = place.item
    if not items:
        return
    yield from ("", "## Code lists", "")
    lines: list[str] = []
    for item in sorted(items.values(), key=lambda one: one.jcode):
        if item.codes is None:
            continue
        note = "" if item.codes.complete else " (not the whole list)"
        lines += ["", f"{item.jcode}  {item.name}{note}"]
        width = max(len(code) for code in item.codes.codes)
        lines += [f"  {code.ljust(width)}  {label}" for code, label in item.codes.codes.items()]
    yield from _fenced(lines[1:])


def _grammar(definition: FlowDef) -> Iterator[str]:
    yield "One instance, for Lark; a token is a whole record."
    yield ""
    yield from _raw(f"<pre>{escape(grammar_text(definition).rstrip())}</pre>")


def _python(definition: FlowDef) -> Iterator[str]:
    module = module_name(definition)
    yield f"`from dflow.flows import {module}`: what `{module}.read` gives is typed like this."
    yield ""
    names = group_names(definition)
    lines: list[str] = []
    for group in definition.walk():
        lines += ["", names[group.seq].model]
        for place, attribute in zip(group.items, item_names(group), strict=True):
            if attribute:
                none = " | None" if place.presence == "optional" else ""
                kind = "Literal" if kind_of(place.item) == "code" else kind_of(place.item)
                lines.append(f"    {attribute}: {kind}{none}")
        lines += [
            f"    {names[child.seq].attribute}: tuple[{names[child.seq].model}, ...]"
            for child in group.groups
        ]
    yield from _fenced(lines[1:])
