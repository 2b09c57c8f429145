"""A rehearsal: the hub fails for the mass, with made-up requests and a set clock.

In: a setup.  Out: what happened, counted at the hub.  Nothing of the real exchange is
touched: journal, inbox and hub are in memory, the ledger in a folder that is deleted.

The exchange, the gate, the desk and the ledger are the real ones.  Each minute is a round.
People open the failure some minutes late, phone for what was warned of, oldest first, and
close it when the hub is back; the desk dies now and then and reads its ledger again.
Every message and meter point is made up.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, evolve, field, frozen

from dflow.contingency.cases import Request
from dflow.contingency.config import Setup
from dflow.contingency.desk import Desk, desk_of
from dflow.contingency.hub import Hub, Sink
from dflow.contingency.made import Made, made_message, made_requests
from dflow.contingency.running import Rounds, held_for_life, read_any
from dflow.contingency.standing import Standing
from dflow.delivery import Breaker, Retry, Treatment
from dflow.exchange import Exchange, Mount, Source
from dflow.exchange.gate import Gate
from dflow.exchange.journal import Journal, open_journal
from dflow.operation import SetClock
from dflow.routing import Routes
from dflow.transport import MemoryInbox

__all__ = ["Rehearsed", "rehearse"]

_RULES = """
destination hub "the messaging hub"
destination desk "answers, for the supplier's systems"
route requests: flow 017 deliver hub across test
route answers: flow 106D, 106E, 601 deliver desk across test
"""


@frozen(kw_only=True)
class Rehearsed:
    """What a rehearsal saw.

    Attributes:
        standing: how the contingency stood at the end.
        start: the first minute.
        failed: when the hub failed, and worked again.
        end: the last minute.
        taken: how many requests the hub took.
        resent: how many identical messages came a second time.
        twice: transactions that the hub got more than once.
        repeated: transactions that the hub got after they were done by hand.
        out_of_order: transactions that went before one that had to go first.
        cut_off: disconnections that went after a later reconnection of their meter point.
        replays: how often the desk was begun anew from its ledger.
        differed: how often it then stood differently: never.
        refused: how many attempts the hub refused while it was down.
    """

    standing: Standing
    start: datetime
    failed: tuple[datetime, datetime]
    end: datetime
    taken: int
    resent: int
    twice: tuple[str, ...]
    repeated: tuple[str, ...]
    out_of_order: tuple[str, ...]
    cut_off: tuple[str, ...]
    replays: int
    differed: int
    refused: int

    @property
    def unwarned(self) -> list[Request]:
        """Reconnections that passed their backstop, and nobody was warned before."""
        return [one for one in self.breaches if not one.warned_in_time]

    @property
    def breaches(self) -> list[Request]:
        """Reconnections that passed their backstop."""
        return [one for one in self.standing.requests.values() if one.breached(self.end)]

    @property
    def held(self) -> bool:
        """Whether every law held."""
        wrong = (self.unwarned, self.twice, self.repeated, self.out_of_order, self.cut_off)
        return not any(wrong) and not self.differed


@define(eq=False, kw_only=True)
class _Play:
    """One rehearsal under way."""

    setup: Setup
    clock: SetClock
    chance: random.Random
    hub: Hub
    journal: Journal
    inbox: MemoryInbox = field(factory=MemoryInbox)
    routes: Routes = field(factory=lambda: Routes.parse(_RULES))
    warned: deque[str] = field(factory=deque)
    looked: int = 0
    answered: int = 0
    replays: int = 0
    differed: int = 0
    resent: int = 0

    def exchanges(self, gate: Gate, take: bool) -> Exchange:  # noqa: FBT001  the callable's shape
        treatment = Treatment(
            retry=Retry(first=60, jitter=0, give_up=None),
            breaker=Breaker(after=10_000),
            concurrency=64,
        )
        return Exchange(
            routes=self.routes,
            journal=self.journal,
            mounts=[
                Mount(name="hub", outbox=self.hub, treatment=treatment, gate=gate),
                Mount(name="desk", outbox=Sink(), treatment=treatment),
            ],
            sources=[Source(name="in", inbox=self.inbox)] if take else [],
            read_header=read_any,
            check=held_for_life(self.setup),
            clock=lambda: self.clock.now().timestamp(),
        )

    def answer(self, made: dict[str, Made]) -> None:
        """Networks answer what the hub took some minutes ago."""
        after = timedelta(minutes=self.setup.rehearsing.answer)
        now = self.clock.now()
        while self.answered < len(self.hub.took):
            at, tx, _ = self.hub.took[self.answered]
            if at + after > now:
                return
            code = "106E" if made[tx].kind == "reconnect" else "106D"
            self.inbox.put(made_message(f"AN{self.answered:06d}", made[tx].mprn, now, code=code))
            self.answered += 1

    def phone(self, desk: Desk) -> None:
        """People do by hand what was warned of, oldest first, as many as they can."""
        standing = desk.standing
        names = list(standing.requests)
        self.warned.extend(names[self.looked :])
        self.looked = len(names)
        left = self.setup.rehearsing.phones
        ready = sorted(
            (
                one
                for name in self.warned
                if (one := standing.requests[name]).warned and not one.outcome and not one.handed
            ),
            key=lambda one: (one.started, one.key),
        )
        for one in ready[:left]:
            desk.by_hand(one.key, who="a caller", channel="phone", reference=f"call {one.tx}")

    def mend(self, desk: Desk) -> None:
        """Most of what has to be corrected is confirmed; the rest stays on the list."""
        names = [fix.id for fix in desk.standing.unconfirmed() if int(fix.id[1:]) % 10]
        if names:
            desk.confirm(names[:50], who="back office", reference="seen in the system")

    def again(self, desk: Desk) -> Desk:
        """The desk dies, and another reads the ledger."""
        self.replays += 1
        standing = Standing.of(desk.ledger.read())
        self.differed += standing != desk.standing
        return Desk(
            setup=self.setup,
            clock=self.clock,
            ledger=desk.ledger,
            standing=standing,
            journal=self.journal,
        )


def rehearse(
    setup: Setup,
    at: datetime,
    *,
    seed: int = 1,
    requests: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Rehearsed:
    """Let the hub fail; the same seed and instant give the same rehearsal.

    Args:
        setup: the working model; its `rehearsing` says how large the failure is.
        at: the first minute.
        seed: of chance.
        requests: how many wait, instead of the setup's number.
        progress: told each minute that is done, of how many.
    """
    wanted = setup.rehearsing
    if requests is not None:
        wanted = evolve(wanted, requests=requests)
    chance = random.Random(seed)  # noqa: S311  a rehearsal that can be repeated
    start = at.astimezone(UTC).replace(second=0, microsecond=0)
    down = (start, start + timedelta(minutes=wanted.outage))
    clock = SetClock(start)
    with tempfile.TemporaryDirectory() as folder:
        small = evolve(setup, path=Path(folder) / setup.path.name, rehearsing=wanted)
        hub, journal = Hub(clock, down), open_journal(None)
        play = _Play(setup=small, clock=clock, chance=chance, hub=hub, journal=journal)
        try:
            with desk_of(small, clock, journal) as desk:
                made = {one.tx: one for one in made_requests(small, start, chance)}
                standing = _play(play, desk, made, progress)
        finally:
            journal.close()
    return _rehearsed(play, standing, start, down)


def _play(
    play: _Play, desk: Desk, made: dict[str, Made], progress: Callable[[int, int], None]
) -> Standing:
    wanted, start = play.setup.rehearsing, play.clock.now()
    coming = deque(sorted(made.values(), key=lambda one: one.at))
    last = int(wanted.outage + wanted.answer) + 20
    rounds = _rounds(play, desk)
    for minute in range(last):
        play.clock.set(start + timedelta(minutes=minute))
        while coming and coming[0].at <= play.clock.now():
            one = coming.popleft()
            play.inbox.put(one.content)
            if play.chance.random() < 0.02:  # the supplier's system sends it again
                play.inbox.put(one.content)
                play.resent += 1
        play.answer(made)
        if minute == int(wanted.seen):
            desk.open_failure(wanted.stage, who="operator", why="no receipts", since=start)
        if minute == int(wanted.outage) + 1:
            desk.close_failure("F1", who="operator", why="it takes messages again")
        rounds.round()
        play.phone(desk)
        if minute > wanted.outage:
            play.mend(desk)
        if minute % 40 == 39:
            desk = play.again(desk)
            rounds = _rounds(play, desk)
        progress(minute + 1, last)
    return play.again(desk).standing


def _rounds(play: _Play, desk: Desk) -> Rounds:
    return Rounds(setup=play.setup, desk=desk, exchanges=play.exchanges, destination="hub")


def _rehearsed(
    play: _Play,
    standing: Standing,
    start: datetime,
    down: tuple[datetime, datetime],
) -> Rehearsed:
    """Count at the hub, apart from the gate, and compare."""
    took = play.hub.took
    times = Counter(tx for _, tx, _ in took)
    by_tx = {one.tx: one for one in standing.requests.values()}
    repeated, cut_off, order = [], [], []
    first = {tx: place for place, (_, tx, _) in reversed(list(enumerate(took)))}
    hands = {one.key.split("/")[-1]: one.at for one in standing.by_hand}
    for at, tx, _ in took:
        if tx in hands and hands[tx] < at:
            repeated.append(tx)
    for request in standing.requests.values():
        if request.kind == "disconnect" and request.tx in first:
            went = took[first[request.tx]][0]
            for other in standing.of_meter(request.mprn):
                if other.kind == "reconnect" and request.started < other.started:
                    known = other.recorded < went
                    if known and by_tx[request.tx].outcome != "by hand":
                        cut_off.append(request.tx)
    order = _out_of_order(took, by_tx)
    return Rehearsed(
        standing=standing,
        start=start,
        failed=down,
        end=play.clock.now(),
        taken=len(times),
        resent=play.resent,
        twice=tuple(sorted(tx for tx, number in times.items() if number > 1)),
        repeated=tuple(repeated),
        out_of_order=tuple(order),
        cut_off=tuple(cut_off),
        replays=play.replays,
        differed=play.differed,
        refused=play.hub.refused,
    )


def _out_of_order(took: list[tuple[datetime, str, str]], by_tx: dict[str, Request]) -> list[str]:
    """What went before something that waited with it and had to go first."""
    wrong: list[str] = []
    latest: tuple[datetime, tuple[int, datetime]] | None = None
    for at, tx, _ in took:
        request = by_tx[tx]
        rank = (1 if request.kind == "disconnect" else 0, request.started)
        if latest is not None and latest[0] == at and rank < latest[1]:
            wrong.append(tx)
        latest = (at, rank if latest is None or latest[0] != at else max(rank, latest[1]))
    return wrong
