"""A contingency over the exchange that a configuration describes.

In: a setup with `[exchange]`.  Out: rounds of the real exchange.  This module opens the
journal and the ledger, and closes them; between two rounds the ledger is free, so that
people can act while it runs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from attrs import evolve

from dflow.contingency.config import Setup
from dflow.contingency.desk import Desk, desk_of, ledger_of
from dflow.contingency.running import Exchanges, Round, Rounds, held_for_life, read_any
from dflow.contingency.standing import Standing
from dflow.errors import DflowError
from dflow.exchange import Exchange, Wiring, load_wiring
from dflow.exchange.gate import Gate
from dflow.exchange.journal import Journal
from dflow.operation import Clock

__all__ = ["acting", "run_contingency", "standing_of"]


def standing_of(setup: Setup) -> Standing:
    """Where the contingency stands, by its ledger; nothing is held or changed."""
    return Standing.of(ledger_of(setup).read())


def _wired(setup: Setup) -> Wiring:
    running = setup.running
    if running is None:
        raise DflowError(
            f"{setup.path}: there is no [exchange], so there is nothing to run; name the"
            " exchange's configuration and the destination that requests go to"
        )
    wiring = load_wiring(running.config)
    order = wiring.mount(running.destination).treatment.order
    if order != "none":
        raise DflowError(
            f"{running.config}: {running.destination} keeps an order of its own"
            f" ({order}); set it to none, so that reconnections can go first"
        )
    return wiring


def _exchanges(setup: Setup, wiring: Wiring, journal: Journal, clock: Clock) -> Exchanges:
    destination = "" if setup.running is None else setup.running.destination

    def make(gate: Gate, take: bool) -> Exchange:  # noqa: FBT001  the callable's shape
        sources = wiring.sources if take else ()
        exchange = evolve(wiring.gated(destination, gate), sources=sources).exchange(journal)
        exchange.read_header = read_any
        exchange.check = held_for_life(setup, exchange.check)
        exchange.clock = lambda: clock.now().timestamp()
        return exchange

    return make


@contextmanager
def acting(setup: Setup, clock: Clock) -> Iterator[Desk]:
    """A desk for a person's act, beside a contingency that may be running.

    Raises:
        DflowError: the ledger or the journal cannot be used.
    """
    if setup.running is None:
        with desk_of(setup, clock) as desk:
            yield desk
        return
    journal = _wired(setup).open_journal()
    try:
        with desk_of(setup, clock, journal) as desk:
            yield desk
    finally:
        journal.close()


def run_contingency(
    setup: Setup,
    clock: Clock,
    *,
    once: bool,
    seen: Callable[[Round], None] = lambda _round: None,
) -> Standing:
    """Run rounds: one, or one every some seconds until the process is told to stop.

    Args:
        setup: with `[exchange]`.
        clock: what time it is.
        once: one round, and end.
        seen: told of each round.

    Raises:
        DflowError: there is no exchange to run, the clock went back, or another process
            runs it.
    """
    wiring = _wired(setup)
    journal = wiring.open_journal()
    stop = threading.Event()
    every = 5.0 if setup.running is None else setup.running.every
    begun = False
    rounds: Rounds | None = None
    try:
        journal.own()
        with _stopped_by_signals(stop, install=not once):
            while True:
                with desk_of(setup, clock, journal) as desk:
                    if not begun:
                        data = {"model": setup.model.digest, "version": setup.model.version}
                        desk.enter("run begun", why=_interrupted(desk.standing), **data)
                        desk.keep()
                        begun = True
                    if rounds is None:
                        rounds = _rounds(setup, desk, _exchanges(setup, wiring, journal, clock))
                    rounds.desk = desk  # others may have acted since; what was seen is known
                    seen(rounds.round())
                    if once or stop.is_set():
                        desk.enter("run ended", arrival=desk.standing.last_arrival)
                        desk.keep()
                        return desk.standing
                stop.wait(every)
    finally:
        journal.close()


def _interrupted(standing: Standing) -> str:
    if standing.begun is None:
        return ""
    return f"the run of {standing.begun.isoformat()} was interrupted"


def _rounds(setup: Setup, desk: Desk, exchanges: Exchanges) -> Rounds:
    destination = "" if setup.running is None else setup.running.destination
    return Rounds(setup=setup, desk=desk, exchanges=exchanges, destination=destination)


@contextmanager
def _stopped_by_signals(stop: threading.Event, *, install: bool) -> Iterator[None]:
    """SIGINT and SIGTERM end the round that is under way, and nothing after it."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    if not install:
        yield
        return
    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, old in before.items():
            signal.signal(one, old)
