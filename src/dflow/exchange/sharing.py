"""A destination's quota where several workers send there: what is left for all of them.

In: a journal, inside its transaction.  Out: how many may start.  This module does not
claim anything; what it read is held until the transaction ends, so that two workers never
count the same room.
"""

from __future__ import annotations

from attrs import evolve

from dflow.delivery import Quota, Spent, State
from dflow.exchange.journal import Journal

__all__ = ["shared_room"]


def shared_room(
    journal: Journal, destination: str, quota: Quota, now: float
) -> tuple[Spent | None, int | None, float | None]:
    """What is used by all, how many may start (None for any number), and when to look again.

    Nothing is used by others where there is no quota or one worker.
    """
    if quota.per_second is None and quota.per_day is None:
        return None, None, None
    spent = journal.spent(destination)
    if spent is None:
        return None, None, None
    today = quota.day(now)
    if not spent.day or (quota.per_day is not None and spent.day != today):
        # Counted, not begun at nothing: a clock that was set back comes to a day again.
        used = journal.started_since(destination, quota.day_start(now))
        if spent.day > today:
            used += sum(
                one.number
                for one in journal.backlog()
                if one.destination == destination and one.state is State.SENDING
            )
        fresh = quota.fresh(now, used_today=used)
        spent = evolve(fresh, tokens=spent.tokens, at=spent.at) if spent.day else fresh
    room, again = quota.room(spent, now)
    return spent, room, again
