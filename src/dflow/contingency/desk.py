"""The desk: what people do in a contingency, written down before it has any effect.

In: who does what, and why.  Out: entries of the ledger, and their effect on the exchange's
journal.  This module sends nothing.

An act is in the ledger before its effect is in the journal.  If the process dies between
the two, `settle` finds what is missing: it brings the journal to what the ledger says, as
often as it is called (`dflow.contingency.effects`).  Capabilities 67, 69, 71, 72, 73.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from attrs import define, field

from dflow.contingency.cases import BackFix, ByHand, Failure, Request
from dflow.contingency.config import Setup
from dflow.contingency.effects import OURSELVES, Effects
from dflow.contingency.hours import on_duty
from dflow.contingency.standing import Standing
from dflow.errors import DflowError, near_misses
from dflow.exchange.journal import Journal
from dflow.operation import Clock, Entry, Ledger, LedgerBusy

__all__ = ["ActRefused", "Desk", "desk_of", "ledger_of"]


class ActRefused(DflowError):
    """What was asked cannot be done as things stand; the message says why."""


def ledger_of(setup: Setup) -> Ledger:
    """The ledger beside the model."""
    return Ledger(setup.path.with_name(setup.path.name + ".ledger"))


@contextlib.contextmanager
def desk_of(
    setup: Setup, clock: Clock, journal: Journal | None = None, *, patience: float = 10.0
) -> Iterator[Desk]:
    """A desk with its ledger held for writing.

    Args:
        setup: the working model.
        clock: what time it is.
        journal: the exchange's; None for a model on paper.
        patience: seconds to wait for another process that holds the ledger.

    Raises:
        LedgerBusy: another process holds it for longer.
        LedgerError: it cannot be read.
    """
    ledger = ledger_of(setup)
    ends = time.monotonic() + patience
    while True:
        try:
            held = ledger.__enter__()
            break
        except LedgerBusy:
            if time.monotonic() >= ends:
                raise
            time.sleep(0.05)
    try:
        standing = Standing.of(held.read())
        yield Desk(setup=setup, clock=clock, ledger=held, standing=standing, journal=journal)
    finally:
        ledger.__exit__(None, None, None)


@define(eq=False, kw_only=True)
class Desk:
    """Acts on a standing, one person's or the clock's.

    Attributes:
        setup: the working model.
        clock: what time it is.
        ledger: held for writing.
        standing: what the ledger says.
        journal: the exchange's; None for a model on paper.
    """

    setup: Setup
    clock: Clock
    ledger: Ledger = field(repr=False)
    standing: Standing = field(factory=Standing, repr=False)
    journal: Journal | None = field(default=None, repr=False)
    _new: list[Entry] = field(factory=list, init=False, repr=False)
    _effects: Effects = field(init=False, repr=False)

    @_effects.default
    def _on_the_journal(self) -> Effects:
        return Effects(
            setup=self.setup, clock=self.clock, standing=self.standing, journal=self.journal
        )

    # -- entries -------------------------------------------------------------------

    def enter(
        self, kind: str, about: str = "", /, *, who: str = OURSELVES, why: str = "", **data: object
    ) -> None:
        """Take an entry in; `keep` makes all of them durable together."""
        words = {name: value for name, value in data.items() if value not in ("", None, 0, [])}
        entry = Entry(at=self.clock.now(), kind=kind, about=about, who=who, why=why, data=words)
        self.standing.apply(entry)
        self._new.append(entry)

    def keep(self) -> int:
        """Write what was entered; how many entries.

        Raises:
            LedgerError: nothing of it counts; throw the desk away.
        """
        new, self._new = self._new, []
        if new:
            self.ledger.append(*new)
        return len(new)

    # -- failures ------------------------------------------------------------------

    def open_failure(
        self, stage: int, *, who: str, why: str, mprn: str = "", since: datetime | None = None
    ) -> Failure:
        """A stage fails: for one meter point, or for the mass.

        Raises:
            ActRefused: no such stage, the same failure is open, or it begins in the future.
        """
        self._said(who, why)
        found = self.setup.model.stage(stage)
        if found is None:
            known = ", ".join(str(one.number) for one in self.setup.model.stages)
            raise ActRefused(f"the chain has no stage {stage}; it has {known}")
        self._meter(mprn)
        for one in self.standing.open_failures():
            if (one.stage, one.mprn) == (stage, mprn):
                raise ActRefused(f"{one.id} is open at stage {stage} since {one.since:%H:%M}")
        now = self.clock.now()
        if since is not None and since > now:
            raise ActRefused(f"it cannot have begun at {since.isoformat()}, which is to come")
        number = f"F{len(self.standing.failures) + 1}"
        self.enter(
            "failure opened",
            number,
            who=who,
            why=why,
            stage=stage,
            mprn=mprn,
            since=(since or now).isoformat(),
            model=self.setup.model.digest,
        )
        self.keep()
        self.settle()
        return self.standing.failures[number]

    def close_failure(
        self, failure: str, *, who: str, why: str, ended: datetime | None = None
    ) -> Failure:
        """A stage works again.

        Raises:
            ActRefused: there is no such failure, it is closed, or it ends before it began
                or in the future.
        """
        self._said(who, why)
        one = self.standing.failures.get(failure)
        if one is None:
            names = list(self.standing.failures)
            near = near_misses(failure, names) or names
            known = f"; there are {', '.join(near)}" if near else "; none was opened"
            raise ActRefused(f"there is no failure {failure!r}{known}")
        if one.closed is not None:
            raise ActRefused(f"{failure} was closed by {one.closed_by} at {one.closed:%H:%M}")
        now = self.clock.now()
        if ended is not None and not one.since <= ended <= now:
            raise ActRefused(f"{failure} began {one.since.isoformat()}; it cannot end then")
        self.enter(
            "failure closed",
            failure,
            who=who,
            why=why,
            ended=(ended or now).isoformat(),
            records=self._records(None if one.mprn else one.stage),
        )
        self.keep()
        self.settle()
        return one

    def _records(self, stage: int | None) -> list[list[object]]:
        """What is to be corrected: of a stage once, or of a meter point up and down the chain."""
        if stage is not None:
            found = self.setup.model.stage(stage)
            return [[stage, record] for record in (found.once if found else ())]
        return [[one.number, record] for one in self.setup.model.stages for record in one.records]

    # -- by hand -------------------------------------------------------------------

    def by_hand(
        self,
        request: str = "",
        *,
        who: str,
        channel: str,
        reference: str,
        mprn: str = "",
        reason: str = "",
    ) -> ByHand:
        """Something was done by webform or phone; it is not sent any more.

        Args:
            request: its transaction number, with or without the sender; or else say the
                meter point and the reason, if the request has not come so far.
            who: who did it.
            channel: such as ``phone``.
            reference: what the other side gave: a number, a name.
            mprn: the meter point.
            reason: the reason code.

        Raises:
            ActRefused: the request is not known, or something is left out.
        """
        self._said(who, reference)
        if not channel.strip():
            raise ActRefused("say the channel: webform, phone, or another")
        key = ""
        if request:
            one = self._one(request)
            if one.outcome == "by hand":
                raise ActRefused(f"{one.key} was done by hand already: {one.reference}")
            key, mprn, reason = one.key, one.mprn, one.reason
        self._meter(mprn)
        if not mprn or not reason:
            raise ActRefused("name the transaction, or the meter point and the reason")
        self.enter(
            "by hand",
            key,
            who=who,
            why="done by hand",
            mprn=mprn,
            reason=reason,
            kind=self.setup.meaning.kind(reason),
            channel=channel,
            reference=reference,
            before=self.setup.practice.before,
            after=self.setup.practice.after,
            records=self._records(None),
        )
        self.supersede(mprn)
        self._effects.touch(*(one.key for one in self.standing.of_meter(mprn)))
        self.keep()
        self.settle()
        return self.standing.by_hand[-1]

    def _one(self, request: str) -> Request:
        found = self.standing.find(request)
        if not found:
            raise ActRefused(
                f"no request {request!r} is known; say the meter point and the reason instead"
            )
        if len(found) > 1:
            raise ActRefused(
                f"{request!r} are {len(found)} requests: {', '.join(one.key for one in found[:5])};"
                " name one of them"
            )
        return found[0]

    def supersede(self, mprn: str) -> None:
        """A reconnection that came later cancels a disconnection that waits; derived."""
        for one in self.standing.superseded(mprn):
            if self._effects.may_have_gone(one):
                continue
            why = "the meter point was to be reconnected after it"
            self.enter("cancelled", one.key, why=why)
            self._effects.touch(one.key)

    # -- back-fixing ---------------------------------------------------------------

    def confirm(self, fixes: Iterable[str], *, who: str, reference: str) -> list[BackFix]:
        """Records are corrected: each is closed with who, when and what shows it.

        Raises:
            ActRefused: one is not known or confirmed already; then none is closed.
        """
        self._said(who, reference)
        names = list(dict.fromkeys(fixes))
        for name in names:
            fix = self.standing.back_fixes.get(name)
            if fix is None:
                raise ActRefused(f"there is nothing to correct that is called {name!r}")
            if fix.confirmed is not None:
                raise ActRefused(f"{name} was confirmed by {fix.who} at {fix.confirmed:%H:%M}")
        for name in names:
            self.enter("confirmed", name, who=who, reference=reference)
        self.keep()
        return [self.standing.back_fixes[name] for name in names]

    # -- time ----------------------------------------------------------------------

    def tell(self) -> int:
        """Enter what is due now: warnings of requests, levels of escalation; how many."""
        now, model = self.clock.now(), self.setup.model
        before = len(self._new)
        for alarm in self.standing.due_alarms(now):
            request = alarm.request
            parts = model.backstop.parts
            owner = "" if not parts else parts[0 if request.handed is None else -1].owner
            there = on_duty(model.owners, owner, now, model.zone) if owner else None
            self.enter(
                "warned",
                request.key,
                why="the backstop is past" if alarm.last else "it waits",
                minutes=request.alarms[alarm.number],
                to=there.name if there else owner,
            )
        for failure in self.standing.open_failures():
            for level in model.levels:
                due = failure.opened + timedelta(minutes=level.after)
                if level.name in failure.told or due > now or (level.mass and not failure.mass):
                    continue
                there = on_duty(model.owners, level.owner, now, model.zone)
                who = there.name if there else f"{level.owner or 'nobody'} (not known to be there)"
                self.enter("told", failure.id, level=level.name, to=who)
        return len(self._new) - before

    # -- the journal ---------------------------------------------------------------

    def settle(self) -> None:
        """Bring the journal to what the ledger says.

        Raises:
            JournalError: it cannot be used; call again.
        """
        self._effects.settle()

    def touch(self, key: str) -> None:
        """`settle` has to look at a request."""
        self._effects.touch(key)

    # -- words ---------------------------------------------------------------------

    def _said(self, who: str, why: str) -> None:
        if not who.strip() or not why.strip():
            raise ActRefused("say who and why (or the reference): both go into the ledger")

    def _meter(self, mprn: str) -> None:
        if mprn and not (mprn.isascii() and mprn.isdigit() and len(mprn) <= 20):
            raise ActRefused("a meter point is written in digits")
