"""Every copy that should be: made, delivered, and still where it was put.

In: a campaign, a journal, the rules, and where the destinations can be looked into, those.
Out: each copy that is owed, with its problem and what mends it.  This module sends nothing.

What is owed is said by the rules: the clone, asked about each original at the instant when
that arrived, or, for what passed before the clone began, at the instant when it began.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from attrs import evolve, field, frozen

from dflow.campaign.config import Campaign, Look
from dflow.campaign.rules import clone_names
from dflow.delivery import State
from dflow.envelope import Party
from dflow.exchange import Mount
from dflow.exchange.clones import expected_copies
from dflow.exchange.intake import Intake
from dflow.exchange.journal import (
    ArrivalRow,
    DeliveryRow,
    Journal,
    NewDelivery,
    Outcome,
    Query,
    content_hash,
)
from dflow.transport import Closing, Outbox, Presence, TransportError
from dflow.transport.directory_out import HIDDEN, DirectoryOutbox

__all__ = ["Copies", "Copy", "Mend", "in_scope", "reconcile", "since_of", "until_of"]

#: What mends a gap: a new copy, the same once more, another attempt, a person, or patience.
Mend = Literal["backfill", "replay", "retry", "person", "wait", ""]

_KINDS = ("copy", "backfill", "replay")
_WAITING = (State.DUE, State.RETRYING, State.SENDING, State.UNKNOWN)


@frozen(kw_only=True)
class Copy:
    """A copy that is owed to a destination.

    Attributes:
        original: the arrival.
        destination: where it is owed.
        delivery: the delivery that holds it, or the last that should; None if there is none.
        problem: what is not as it should be; empty if all is.
        mend: what mends that.
    """

    original: ArrivalRow
    destination: str
    delivery: DeliveryRow | None = None
    problem: str = ""
    mend: Mend = ""


@frozen(kw_only=True)
class Copies:
    """The copies of a campaign.  Capabilities 23 and 28.

    Attributes:
        owed: all of them.
        looked: for each destination, how its copies were looked for.
    """

    owed: tuple[Copy, ...] = field(repr=False)
    looked: Mapping[str, Look]

    @property
    def gaps(self) -> tuple[Copy, ...]:
        """Those with a problem that does not go away by itself."""
        return tuple(one for one in self.owed if one.problem and one.mend != "wait")

    @property
    def waiting(self) -> tuple[Copy, ...]:
        """Those that are on their way."""
        return tuple(one for one in self.owed if one.mend == "wait")

    @property
    def held(self) -> Iterator[Copy]:
        """Those that are where they should be."""
        return (one for one in self.owed if not one.problem)


def since_of(campaign: Campaign) -> float:
    """From when on originals are owed a copy."""
    if not campaign.backfill:
        return campaign.start.timestamp()
    return 0.0 if campaign.backfill_since is None else campaign.backfill_since.timestamp()


def until_of(campaign: Campaign, now: datetime) -> float:
    """Until when they are, as far as time has gone; what arrived this moment has."""
    if campaign.end is not None and campaign.end <= now:
        return campaign.end.timestamp()
    return now.timestamp() + 0.001


def in_scope(
    campaign: Campaign, journal: Journal, *, since: float, until: float
) -> Iterator[ArrivalRow]:
    """The arrivals that the campaign is about, by party, each once."""
    seen: set[int] = set()
    for party in campaign.parties:
        for side in ("recipient", "sender"):
            if campaign.direction == ("sent" if side == "recipient" else "received"):
                continue
            query = Query(since=since, until=until, **{side: party.mpid})  # type: ignore[arg-type]  # a name of its own
            for row in journal.arrivals_in_pages(query):
                ours = Party(row.address.get(f"{side}_role", ""), party.mpid) == party
                if ours and row.id not in seen and _about(campaign, row):
                    seen.add(row.id)
                    yield row


def _about(campaign: Campaign, row: ArrivalRow) -> bool:
    if campaign.flows and row.address.get("flow") not in campaign.flows:
        return False
    repeats = (Outcome.REPEAT, Outcome.UNPARSABLE, Outcome.UNREADABLE)
    return bool(row.hash) and row.outcome not in repeats


def reconcile(
    campaign: Campaign,
    journal: Journal,
    intake: Intake,
    mounts: Sequence[Mount],
    *,
    now: datetime,
) -> Copies:
    """Compare what is owed with what the journal and the destinations hold."""
    made: dict[tuple[int, str], list[DeliveryRow]] = defaultdict(list)
    names = [name for name in clone_names(campaign) if name in _clones_of(intake)]
    for name in names:
        for one in journal.deliveries(Query(rule=name)):
            if one.kind in _KINDS:
                # A copy that was diverted lies at the fallback, and was owed elsewhere.
                made[one.arrival, one.notes.get("diverted_from", one.destination)].append(one)
    delivered = [one for some in made.values() for one in some if one.state is State.DELIVERED]
    lookers = {
        mount.name: _looker(
            mount, campaign.look, [one for one in delivered if one.destination == mount.name]
        )
        for mount in mounts
        if mount.name in campaign.destinations
    }
    begin = campaign.start.timestamp()
    owed: list[Copy] = []
    window = {"since": since_of(campaign), "until": until_of(campaign, now)}
    for row in in_scope(campaign, journal, **window):
        for name in names:
            for wanted in expected_copies(journal, intake, row, name, max(row.at, begin)):
                found = made.get((row.id, wanted.destination), [])
                if not found and row.repeat_of is not None:
                    # The same content came before and was copied then, though not sent.
                    found = made.get((row.repeat_of, wanted.destination), [])
                owed.append(_judged(row, wanted, found, lookers.get(wanted.destination)))
    looked = {name: how for name, (how, _) in lookers.items()}
    return Copies(owed=tuple(owed), looked=looked)


def _clones_of(intake: Intake) -> set[str]:
    return {rule.name for rule in intake.routes.rules if rule.kind == "clone"}


#: Whether a delivered copy is there: None for yes, else what is wrong.
_Looker = Callable[[DeliveryRow], str]


def _judged(
    row: ArrivalRow,
    wanted: NewDelivery,
    found: Sequence[DeliveryRow],
    looker: tuple[Look, _Looker] | None,
) -> Copy:
    plain = Copy(original=row, destination=wanted.destination)
    if not found:
        if row.outcome is Outcome.HELD:
            return evolve(plain, problem="the original is held, so it has no copy", mend="person")
        return evolve(plain, problem="there is no copy", mend="backfill")
    last, problem = found[-1], ""
    owed = row.hash if wanted.content is None else content_hash(wanted.content)
    for one in reversed(found):
        if one.state is not State.DELIVERED:
            continue
        if one.hash != owed:
            problem = problem or "the copy has other bytes"
            continue
        wrong = looker[1](one) if looker else ""
        if not wrong:
            return evolve(plain, delivery=one)
        problem = problem or wrong
    if last.state in _WAITING:
        said = problem or f"the copy is {last.state.value}"
        return evolve(plain, delivery=last, problem=said, mend="wait")
    if problem:
        return evolve(plain, delivery=last, problem=problem, mend="replay")
    mend: Mend = "retry" if last.state is State.DEAD else "person"
    said = f"the copy is {last.state.value}" + (f": {last.reason}" if last.reason else "")
    return evolve(plain, delivery=last, problem=said, mend=mend)


def _looker(mount: Mount, look: Look, rows: Sequence[DeliveryRow]) -> tuple[Look, _Looker]:
    """How copies are looked for at a destination: as wished, or the nearest that it can do."""
    outbox = mount.outbox
    if look == "files" and isinstance(outbox, DirectoryOutbox):
        return "files", _file_in(outbox.path)
    if look != "journal" and outbox.capabilities.probes:
        answers = asyncio.run(_asked(outbox, rows))
        return "marks", lambda row: answers.get(row.id, "")
    return "journal", lambda _row: ""


async def _asked(outbox: Outbox, rows: Sequence[DeliveryRow]) -> dict[int, str]:
    """What a destination does not have, or does not say, by delivery."""
    wrong: dict[int, str] = {}
    try:
        for row in rows:
            try:
                there = await outbox.probe(row.key)
            except TransportError as error:
                wrong[row.id] = f"the destination does not say whether it has it: {error}"
                continue
            if there is not Presence.PRESENT:
                wrong[row.id] = "the destination does not have it"
    finally:
        if isinstance(outbox, Closing):
            await outbox.close()
    return wrong


def _file_in(folder: Path) -> _Looker:
    """A copy is there if its file is, under its name or another, with its bytes."""
    by_hash: set[str] = set()

    def hashes() -> set[str]:
        if not by_hash:
            files = (one for one in folder.rglob("*") if HIDDEN not in one.parts and one.is_file())
            by_hash.update(hashlib.sha256(one.read_bytes()).hexdigest() for one in files)
        return by_hash

    def look(row: DeliveryRow) -> str:
        content = None
        with contextlib.suppress(OSError, ValueError):
            content = (folder / row.place).read_bytes() if row.place else None
        if content is not None and hashlib.sha256(content).hexdigest() == row.hash:
            return ""
        # Its name may be unknown: a transport that was given a key again only says so.
        if row.hash in hashes():
            return ""
        if content is not None:
            return f"{row.place} was delivered, and has other bytes now"
        where = f" as {row.place}" if row.place else ""
        return f"it was delivered{where}, and is not there any more"

    return look
