"""What a command that acts says of what it did: lines for a person, or one object of JSON.

In: what was done, by the events that it left.  Out: what is printed.  This module does
nothing to a journal; the shape of the object is the same for all commands.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from dflow.exchange import Operations
    from dflow.exchange.journal import ArrivalRow, NewDelivery

__all__ = ["Act", "add_json", "numbers_text", "telling"]


def add_json(parser: argparse.ArgumentParser) -> None:
    """Whether what was done is told as JSON."""
    parser.add_argument("--json", action="store_true", help="say what was done as JSON")


@define(kw_only=True)
class Act:
    """What one command did, told as it goes or, as JSON, at its end.

    Attributes:
        args: the words of the command.
        operations: what left the events.
        made: the numbers of new deliveries.
        foreseen: arrivals and deliveries that would be made, in a dry run.
        left_out: arrivals that were left out, and why.
        forgotten: how many arrivals are not there any more.
        sealed: how many payloads are sealed anew.
    """

    args: argparse.Namespace
    operations: Operations
    made: list[int] = field(factory=list)
    foreseen: list[tuple[ArrivalRow, NewDelivery]] = field(factory=list)
    left_out: list[tuple[int, str]] = field(factory=list)
    forgotten: int = 0
    sealed: int = 0

    def say(self, line: str) -> None:
        """A line for a person; with `--json` the object says it."""
        if not self.args.json:
            print(line)

    def as_json(self) -> dict[str, object]:
        """The object, with meter points in it."""
        from dflow.exchange.events import event_json

        words, events = self.args, self.operations.noted
        action = getattr(words, "action", "")
        made = [*self._made(), *self._foreseen()]
        deliveries = [one.delivery for one in events if one.delivery is not None]
        arrivals = [one.arrival for one in events if one.arrival is not None]
        if not deliveries and not arrivals:
            arrivals = sorted({number for number, _, _ in made})
        return {
            "command": f"{words.command} {action}" if action else words.command,
            "done": events[0].kind if events else "",
            "dry_run": bool(getattr(words, "dry_run", False)),
            "who": self.operations.who,
            "why": self.operations.why,
            "destination": events[0].destination if events else "",
            "count": len(deliveries) + len(arrivals) + self.forgotten + self.sealed,
            "deliveries": deliveries,
            "arrivals": arrivals,
            "made": [
                {"delivery": delivery, "arrival": arrival, "destination": destination}
                for arrival, delivery, destination in made
            ],
            "left_out": [{"arrival": number, "why": why} for number, why in self.left_out],
            "events": [event_json(event, unmask=True) for event in events],
        }

    def _made(self) -> Iterator[tuple[int, int | None, str]]:
        from dflow.exchange.journal import Query

        if self.made:
            numbers = set(self.made)
            query = Query(after=min(numbers) - 1, before=max(numbers) + 1)
            for row in self.operations.journal.deliveries(query):
                if row.id in numbers:
                    yield row.arrival, row.id, row.destination

    def _foreseen(self) -> Iterator[tuple[int, int | None, str]]:
        for row, new in self.foreseen:
            yield row.id, None, new.destination

    def tell(self) -> None:
        """Print the object, masked unless the command says otherwise, if it is asked for."""
        from dflow.exchange.masking import masked_values

        if self.args.json:
            told = self.as_json()
            shown = told if getattr(self.args, "unmask", False) else masked_values(told)
            print(json.dumps(shown, indent=2))


@contextmanager
def telling(args: argparse.Namespace, operations: Operations) -> Iterator[Act]:
    """Tell of what is done in the block; of what was done before an error, too."""
    act = Act(args=args, operations=operations)
    try:
        yield act
    except BaseException:
        if operations.noted:
            act.tell()
        raise
    act.tell()


def numbers_text(numbers: Iterable[int]) -> str:
    """Numbers of the journal in a few words.

    >>> numbers_text([3, 4, 5, 9])
    '3 to 5, 9'
    """
    from dflow.exchange.journal import Span

    spans: list[Span] = []
    for number in sorted(numbers):
        if spans and spans[-1].last + 1 == number:
            spans[-1] = Span(spans[-1].first, number)
        else:
            spans.append(Span(number, number))
    return ", ".join(map(str, spans))
