"""A flow's grammar as text, to be read by people and to be compiled by Lark.

In: a `FlowDef`.  Out: text, and the names it gives to groups.  This module does not
know Lark beyond its way of writing grammars.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dflow.catalogue.model import FlowDef, GroupDef

__all__ = ["grammar_text", "rule_names", "terminal_names"]


def grammar_text(flow_def: FlowDef) -> str:
    """The Lark grammar of one instance of a flow, to be read and to be compiled.

    Raises:
        ValueError: if the catalogue knows no structure for the flow version.
    """
    if not flow_def.groups:
        raise ValueError(f"{flow_def} has no known structure, so it has no grammar")
    rules, terminals = rule_names(flow_def), terminal_names(flow_def)
    lines = [f"// {flow_def} {flow_def.name}; a token is a whole record", ""]
    lines.append("start: " + " | ".join(rules[root.seq] for root in flow_def.groups))
    for group in flow_def.walk():
        below = " | ".join(rules[child.seq] for child in group.groups)
        rule = f"{rules[group.seq]}: {terminals[group.seq]}" + (f" ({below})*" if below else "")
        lines.append(f"{rule}  // {group.range} {group.name}".rstrip())
    lines += ["", "%declare " + " ".join(dict.fromkeys(terminals.values())), ""]
    return "\n".join(lines)


def rule_names(flow_def: FlowDef) -> dict[int, str]:
    """The name of each group's rule, by the group's place in the catalogue."""
    often = Counter(group.code for group in flow_def.walk())
    return {
        group.seq: f"g_{group.code.lower()}" + (f"_{group.seq}" if often[group.code] > 1 else "")
        for group in flow_def.walk()
    }


def terminal_names(flow_def: FlowDef) -> dict[int, str]:
    """The name of each group's terminal, by the group's place in the catalogue."""
    twins = {code for siblings in _families(flow_def) for code in _twice(siblings)}
    return {
        group.seq: f"R_{group.code}" + (f"_{group.seq}" if group.code in twins else "")
        for group in flow_def.walk()
    }


def _families(flow_def: FlowDef) -> Iterator[tuple[GroupDef, ...]]:
    yield flow_def.groups
    for group in flow_def.walk():
        yield group.groups


def _twice(siblings: tuple[GroupDef, ...]) -> Iterator[str]:
    often = Counter(group.code for group in siblings)
    return (code for code, times in often.items() if times > 1)
