"""A destination's quota where several workers send there: what is left for all of them.

In: a journal, inside its transaction.  Out: how many may start.  This module does not
claim anything; what it read is held until the transaction ends, so that two workers never
count the same room.
"""

from __future__ import annotations

from dflow.delivery import Quota, Spent
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
    if not spent.day:
        used = journal.started_since(destination, quota.day_start(now))
        spent = quota.fresh(now, used_today=used)
    room, again = quota.room(spent, now)
    return spent, room, again
