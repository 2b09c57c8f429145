"""A picture of a rule set: who sends what to whom, and what is copied where.

In: a rule set.  Out: text for Mermaid or Graphviz.  This module does not draw; Graphviz or
a page with Mermaid does.

Everything that people wrote is escaped: rules are read from files, and a picture may be
opened in a browser.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from dflow.routing.routes import Routes
from dflow.routing.rule import Rule

__all__ = ["Arrow", "arrows", "dot_text", "mermaid_text"]

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "#": "&#35;"}


@frozen(kw_only=True)
class Arrow:
    """One arrow of the picture.

    Attributes:
        source: whose files.
        target: a destination, or what becomes of the file.
        label: which flows, by which rule.
        copy: whether it is a copy.
        fallback: whether it is a fallback.
        place: whether the target is a destination.
    """

    source: str
    target: str
    label: str
    copy: bool = False
    fallback: bool = False
    place: bool = True


def arrows(routes: Routes) -> Iterator[Arrow]:
    """The arrows of a rule set, in the order of its rules."""
    for rule in routes.rules:
        source, label = _source(rule), _label(rule)
        copy = rule.kind == "clone"
        for target in rule.targets:
            yield Arrow(source=source, target=target.destination, label=label, copy=copy)
            if target.otherwise is not None:
                yield Arrow(
                    source=source, target=target.otherwise, label=label, copy=copy, fallback=True
                )
        if not rule.targets:
            yield Arrow(source=source, target=rule.kind, label=label, place=False)


def _source(rule: Rule) -> str:
    sender = str(rule.sender) if rule.sender else "*"
    recipient = str(rule.recipient) if rule.recipient else "*"
    return f"{sender} → {recipient}"


def _label(rule: Rule) -> str:
    parts = [rule.name, str(rule.flows) if rule.flows else "every flow"]
    if rule.test:
        parts.append(f"test {rule.test}")
    if rule.window:
        parts.append(str(rule.window))
    parts += [f"where {one}" for one in rule.where]
    if rule.readdressed:
        parts.append(f"as {rule.readdressed}")
    return ": ".join((parts[0], ", ".join(parts[1:])))


def _numbered(routes: Routes) -> tuple[dict[str, str], dict[str, str]]:
    """Ids for the sources and the targets of the arrows."""
    sources: dict[str, str] = {}
    targets: dict[str, str] = {place.name: "" for place in routes.destinations}
    for arrow in arrows(routes):
        sources.setdefault(arrow.source, f"s{len(sources)}")
        targets.setdefault(arrow.target, "")
    return sources, {name: f"t{number}" for number, name in enumerate(targets)}


def _titles(routes: Routes) -> dict[str, str]:
    return {
        one.name: "\n".join(part for part in (one.name, one.title, "test" * one.test) if part)
        for one in routes.destinations
    }


def mermaid_text(routes: Routes) -> str:
    """The picture as a Mermaid flowchart; copies are dotted, fallbacks are marked."""
    sources, targets = _numbered(routes)
    titles = _titles(routes)
    lines = ["flowchart LR"]
    lines += [f'  {key}["{_mermaid(name)}"]' for name, key in sources.items()]
    lines += [
        f'  {key}[("{_mermaid(titles.get(name, name))}")]'
        if name in titles
        else f'  {key}{{{{"{name}"}}}}'
        for name, key in targets.items()
    ]
    for arrow in arrows(routes):
        line = "-.->" if arrow.copy else "-->"
        label = _mermaid(("else " if arrow.fallback else "") + arrow.label)
        lines.append(f'  {sources[arrow.source]} {line}|"{label}"| {targets[arrow.target]}')
    return "\n".join(lines) + "\n"


def _mermaid(text: str) -> str:
    return "".join(_HTML.get(char, char) for char in text).replace("\n", "<br/>")


def dot_text(routes: Routes) -> str:
    """The picture in Graphviz's language; copies are dashed, fallbacks are dotted."""
    sources, targets = _numbered(routes)
    titles = _titles(routes)
    lines = [
        "digraph rules {",
        "  rankdir=LR;",
        '  node [shape=box, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += [f"  {key} [label={_dot(name)}];" for name, key in sources.items()]
    for name, key in targets.items():
        shape = "cylinder" if name in titles else "octagon"
        lines.append(f"  {key} [label={_dot(titles.get(name, name))}, shape={shape}];")
    for arrow in arrows(routes):
        style = "dashed" if arrow.copy else "dotted" if arrow.fallback else "solid"
        lines.append(
            f"  {sources[arrow.source]} -> {targets[arrow.target]}"
            f" [label={_dot(arrow.label)}, style={style}];"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _dot(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
