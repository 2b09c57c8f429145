"""Rules as text, laid out in one way.

In: rule values.  Out: the text of a rules file; parsing it gives the same values.  This
module does not read files and does not know whether the names are defined.

Destinations and lists are aligned among themselves.  Of a rule, the selectors stand on
the first line, after its name, where they fit; every other clause has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dflow.routing.rule import Destination, FileValues, Rule, ValueList
from dflow.routing.selectors import quoted
from dflow.routing.syntax import is_list_word

__all__ = ["layout", "rule_text"]

_WIDTH = 96
_INDENT = " " * 4


def layout(
    *,
    timezone: str,
    timezone_comments: Sequence[str] = (),
    destinations: Sequence[Destination] = (),
    lists: Sequence[ValueList] = (),
    rules: Sequence[Rule] = (),
    closing: Sequence[str] = (),
) -> str:
    """The text of a whole rules file; empty if there is nothing to say."""
    blocks: list[list[str]] = []
    if timezone:
        blocks.append([*_comments(timezone_comments), f"timezone {timezone}"])
    wide = max((len(one.name) for one in destinations), default=0)
    blocks.append(
        [line for one in destinations for line in (*_comments(one.comments), _place(one, wide))]
    )
    wide = max((len(one.name) for one in lists), default=0)
    blocks.append([line for one in lists for line in (*_comments(one.comments), *_list(one, wide))])
    blocks += [[*_comments(rule.comments), rule_text(rule)] for rule in rules]
    blocks.append(list(_comments(closing)))
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return text + "\n" if text else ""


def rule_text(rule: Rule, *, comments: bool = False) -> str:
    """One rule as text, without a line end after it."""
    above = [*_comments(rule.comments)] if comments else []
    lines = [f"{rule.kind} {rule.name}:"]
    for clause in _selectors(rule):
        if len(lines[-1]) + 2 + len(clause) <= _WIDTH:
            lines[-1] += ("  " if lines[-1].strip() else "") + clause
        else:
            lines.append(_INDENT + clause)
    lines += [_INDENT + clause for clause in _actions(rule)]
    return "\n".join([*above, *lines])


def _selectors(rule: Rule) -> Iterator[str]:
    words = (
        ("flow", rule.flows),
        ("from", rule.sender),
        ("to", rule.recipient),
        ("test", rule.test),
        ("sending application", rule.sending_application),
        ("receiving application", rule.receiving_application),
        ("during", rule.window),
    )
    for word, selector in words:
        if selector is not None:
            yield f"{word} {selector}"


def _actions(rule: Rule) -> Iterator[str]:
    for condition in rule.where:
        yield f"where {condition}"
    if rule.only_matching:
        yield "only matching instances"
    if rule.predicate:
        yield f"when {rule.predicate}"
    if rule.targets:
        word = "copy" if rule.kind == "clone" else "deliver"
        yield f"{word} {', '.join(map(str, rule.targets))}"
    if rule.readdressed:
        yield f"readdressed to {rule.readdressed}"
    if rule.across_test:
        yield "across test"
    if rule.because:
        yield f"because {quoted(rule.because)}"
    if rule.owner:
        yield f"owner {quoted(rule.owner)}"


def _place(one: Destination, wide: int) -> str:
    text = f"destination {one.name:<{wide}}"
    if one.title:
        text += f"  {quoted(one.title)}"
    return (text + "  test" if one.test else text).rstrip()


def _list(one: ValueList, wide: int) -> Iterator[str]:
    line = f"list {one.name:<{wide}} ="
    if isinstance(one.values, FileValues):
        column = f" column {quoted(one.values.column)}" if one.values.column else ""
        yield f"{line} file {quoted(one.values.path)}{column}"
        return
    for number, value in enumerate(one.values):
        word = value if is_list_word(value) else quoted(value)
        piece = word + ("," if number < len(one.values) - 1 else "")
        if len(line) + 1 + len(piece) > _WIDTH and number:
            yield line
            line = _INDENT + piece
        else:
            line += f" {piece}"
    yield line


def _comments(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"# {line}" if line else ""
