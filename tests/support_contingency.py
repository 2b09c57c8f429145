"""A contingency in memory: a hub that counts, a clock that is set, a desk that can die."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, field

from dflow.contingency import Desk, Setup, Standing, load_setup, read_any, write_message
from dflow.contingency.desk import ledger_of
from dflow.contingency.running import Round, Rounds, held_for_life
from dflow.delivery import Breaker, Retry, Treatment
from dflow.exchange import Exchange, Journal, Mount, Source, open_journal
from dflow.exchange.gate import Gate
from dflow.operation import Ledger, SetClock
from dflow.routing import Routes
from dflow.transport import Capabilities, MemoryInbox, Parcel, Presence, Receipt, Unavailable

START = datetime(2026, 6, 1, 9, tzinfo=UTC)

MODEL = """
[model]
name = "small"
[[stage]]
name = "payments"
fallback = "pause"
pauses = true
owner = "us"
[[stage]]
name = "hub"
fallback = "phone"
channel = "phone"
destination = "hub"
owner = "us"
records = ["state at the supplier", "state at networks"]
once = ["count of the day"]
[[stage]]
name = "meter"
[owner.us]
hours = "always"
[[level]]
name = "desk"
after = 0
owner = "us"
[[level]]
name = "manager"
after = 30
owner = "us"
mass = true
[life_support]
file = "life.txt"
"""

ROUTES = """
destination hub "the hub"
destination out "answers"
route requests: flow 017 deliver hub
route answers: flow 106D, 106E, 601, 131 deliver out
"""


def message(
    tx: str, mprn: str, reason: str = "", *, code: str = "017", at: datetime | None = None
) -> bytes:
    """A made-up message; the names of its body are made up too."""
    header = {
        "MessageTypeCode": code,
        "SenderID": "SUP" if code == "017" else "NET",
        "RecipientID": "NET" if code == "017" else "SUP",
        "TxRefNbr": tx,
        "VersionNumber": "1",
    } | ({"MarketTimestamp": at.isoformat()} if at is not None else {})
    values = {"MPRN": mprn} | ({"MadeUp": reason} if reason else {})
    return write_message(header, body=f"MIM{code}_MadeUp", values=values)


@define(eq=False)
class Hub:
    """Takes messages in order; down if told so."""

    clock: SetClock
    down: bool = False
    fails: list[bool] = field(factory=list)
    took: list[tuple[datetime, str]] = field(factory=list)
    keys: set[str] = field(factory=set)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=True, idempotent=False)

    async def send(self, parcel: Parcel) -> Receipt:
        if self.down or (self.fails and self.fails.pop(0)):
            raise Unavailable("down")
        header, _ = read_any(parcel.content)
        assert header is not None
        self.took.append((self.clock.now(), header.file_id))
        self.keys.add(parcel.key)
        return Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:
        return Presence.PRESENT if key in self.keys else Presence.ABSENT

    @property
    def names(self) -> list[str]:
        return [tx for _, tx in self.took]


@define(eq=False)
class Office:
    """Everything that one contingency needs, in memory but for its ledger."""

    setup: Setup
    ledger: Ledger
    clock: SetClock
    hub: Hub
    journal: Journal
    desk: Desk
    rounds: Rounds
    inbox: MemoryInbox
    out: Hub

    @classmethod
    def at(cls, folder: Path, model: str = MODEL) -> Office:
        (folder / "life.txt").write_text("99999999999\n")
        (folder / "model.toml").write_text(model, "utf-8")
        setup = load_setup(folder / "model.toml")
        # The name of the destination alone is asked for: the exchange is made here.
        from attrs import evolve

        from dflow.contingency import Running

        running = Running(config=folder / "none.toml", destination="hub")
        setup = evolve(setup, running=running)
        ledger = ledger_of(setup)
        ledger.__enter__()
        clock = SetClock(START)
        journal = open_journal(None)
        office = cls.__new__(cls)
        office.setup, office.ledger, office.clock, office.journal = setup, ledger, clock, journal
        office.hub, office.out, office.inbox = Hub(clock), Hub(clock), MemoryInbox()
        office.again()
        return office

    def again(self) -> None:
        """A new desk, as after a crash: all it knows it reads in the ledger."""
        self.desk = Desk(
            setup=self.setup,
            clock=self.clock,
            ledger=self.ledger,
            standing=Standing.of(self.ledger.read()),
            journal=self.journal,
        )
        self.rounds = Rounds(
            setup=self.setup, desk=self.desk, exchanges=self.exchanges, destination="hub"
        )

    def exchanges(self, gate: Gate, take: bool) -> Exchange:
        treatment = Treatment(
            retry=Retry(first=90, jitter=0, give_up=None), breaker=Breaker(after=1000)
        )
        return Exchange(
            routes=Routes.parse(ROUTES),
            journal=self.journal,
            mounts=[
                Mount(name="hub", outbox=self.hub, treatment=treatment, gate=gate),
                Mount(name="out", outbox=self.out, treatment=treatment),
            ],
            sources=[Source(name="in", inbox=self.inbox)] if take else [],
            read_header=read_any,
            check=held_for_life(self.setup),
            clock=lambda: self.clock.now().timestamp(),
        )

    def put(self, tx: str, mprn: str, reason: str, *, at: datetime | None = None) -> None:
        self.inbox.put(message(tx, mprn, reason, at=at or self.clock.now()))

    def wait(self, minutes: float) -> None:
        self.clock.set(self.clock.now() + timedelta(minutes=minutes))

    def round(self, minutes: float = 0) -> Round:
        self.wait(minutes)
        return self.rounds.round()

    def close(self) -> None:
        self.journal.close()
        self.ledger.__exit__(None, None, None)
