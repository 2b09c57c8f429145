"""The pages that are made from tables: the configuration's options, the delivery's states.

In: nothing.  Out: Markdown.  ``python -m dflow.exchange.reference docs`` writes the pages
anew; a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from dflow.delivery import STEPS, TABLE, Step
from dflow.exchange.options import OPTIONS
from dflow.transport.built_in import BUILT_IN
from dflow.transport.kinds import Option

__all__ = ["configuration_page", "states_part"]

_HEAD = """\
% Made by `python -m dflow.exchange.reference docs`; do not edit.

# The configuration, `dflow.toml`

An exchange is wired by one TOML file. Paths are relative to it. A mistake in it, or in the
rules it names, is refused with its line, its column, what was expected and the near miss,
before anything is opened or moved; all mistakes are told at once.

A text or a path may be given by reference, so that a secret stands in no file that is
shared: `{ env = "NAME" }` takes it from the environment, `{ file = "path" }` from a file.
"""

_TITLES = {
    "journal": "`[journal]`",
    "routes": "`[routes]`",
    "check": "`[check]`",
    "observe": "`[observe]`",
    "mount": "`[mount.NAME]`, beside `transport` and its options",
    "mount.retry": "`[mount.NAME.retry]`",
    "mount.breaker": "`[mount.NAME.breaker]`",
    "mount.quota": "`[mount.NAME.quota]`",
}

_CLOSED = """\
## `[[mount.NAME.closed]]`

Maintenance windows, half-open, in which nothing is sent; what is due waits.

| key | value | meaning |
|---|---|---|
| `from`, `to` | times of day, or dates with times | `to` not after `from` is on the next day |
| `days` | a list of `mon` ... `sun` | the days on which it starts; every day if left out |
| `zone` | a text; default `"Europe/London"` | the time zone of both |
"""


def configuration_page() -> str:
    """The reference page of the configuration."""
    parts = [_HEAD]
    for table, options in OPTIONS.items():
        parts.append(f"## {_TITLES[table]}\n\n{_table(options)}\n")
    parts.append(_CLOSED)
    for kind in BUILT_IN:
        for side, options_or_none in (("source", kind.into), ("mount", kind.out)):
            if options_or_none is not None:
                title = f'## `[{side}.NAME]` with `transport = "{kind.name}"`'
                parts.append(f"{title}\n\n{_table(options_or_none)}\n")
    return "\n".join(parts)


def _table(options: Iterable[Option]) -> str:
    return "\n".join(["| key | value | meaning |", "|---|---|---|", *map(_row, options)])


def _row(option: Option) -> str:
    kind = "one of " + ", ".join(f"`{one}`" for one in option.choices) or ""
    words = [kind if option.choices else option.kind]
    if option.required:
        words.append("required")
    elif option.default is not None:
        shown = f'"{option.default}"' if isinstance(option.default, str) else option.default
        words.append(f"default `{str(shown).lower() if isinstance(shown, bool) else shown}`")
    return f"| `{option.name}` | {'; '.join(words)} | {option.meaning} |"


_ALT = "The states of a delivery and the steps between them; the table below says the same"


def states_part() -> str:
    """The diagram and the table of a delivery's states."""
    return "\n".join(
        [
            f"![{_ALT}](delivery.svg)",
            "",
            "The *driver* is the running exchange: solid lines are its steps, dashed ones a",
            "person's. The picture is drawn from the table by `docs/delivery_picture.py`;",
            "`dflow.delivery.diagram()` gives Mermaid text.",
            "",
            "| step | by | from | to | meaning |",
            "|---|---|---|---|---|",
            *_steps(),
        ]
    )


def _steps() -> Iterator[str]:
    for step in Step:
        who, meaning = STEPS[step]
        rows = [row for row in TABLE if row.step is step]
        before = ", ".join(row.state.value for row in rows)
        after = ", ".join(dict.fromkeys(row.to.value for row in rows))
        yield f"| {step.value} | {who} | {before} | {after} | {meaning} |"


def _within(text: str, part: str) -> str:
    start, end = "% states: made from the table; do not edit\n", "% end of states\n"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{part}\n\n{end}{after}"


def _main(docs: Path) -> None:
    (docs / "reference" / "configuration.md").write_text(configuration_page(), "utf-8")
    page = docs / "explanation" / "delivery.md"
    page.write_text(_within(page.read_text("utf-8"), states_part()), "utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
