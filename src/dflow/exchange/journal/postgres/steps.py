"""Steps of deliveries in the PostgreSQL journal, and what is spent of shared quotas.

In: a connection, inside the journal's transaction.  Out: what a delivery is now.  This
module does not hand out work; a step under a lease that is not the newest is refused.
"""

from __future__ import annotations

from attrs import frozen

from dflow.delivery import Spent, State, Step, WrongStep, advance
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.postgres.connection import Connection

__all__ = ["Stepped", "spend_of", "spent_of", "take_step"]


@frozen(kw_only=True)
class Stepped:
    """What a step made of a delivery, and of which attempt it tells."""

    state: State
    destination: str
    attempts: int


def take_step(
    connection: Connection,
    delivery: int,
    step: Step,
    *,
    at: float,
    detail: str,
    due: float | None,
    place: str,
    lease: int | None,
    owner: str,
) -> Stepped:
    """Let a delivery take a step.

    Raises:
        WrongStep: it cannot, or it was handed out again since `lease`.
    """
    row = connection.execute(
        "SELECT state, attempts, destination, place, lease FROM delivery WHERE id = ? FOR UPDATE",
        (delivery,),
    ).fetchone()
    if row is None:
        raise JournalError(f"the journal has no delivery {delivery}")
    if lease is not None and lease != row["lease"]:
        raise WrongStep(
            f"delivery {delivery} was taken under lease {lease}, and under {row['lease']} since"
        )
    to = advance(State(row["state"]), step)
    # What was put back unsent was no attempt.
    began = {Step.START: 1, Step.DEFER: -1}.get(step, 0)
    connection.execute(
        "UPDATE delivery SET state = ?, attempts = attempts + ?, due = ?, changed = ?,"
        " place = ?, reason = ?, owner = ?, lease = lease + ? WHERE id = ?",
        (
            to.value,
            began,
            at if due is None else due,
            at,
            place or row["place"],
            detail,
            owner,
            max(0, began),
            delivery,
        ),
    )
    return Stepped(state=to, destination=row["destination"], attempts=row["attempts"])


def spent_of(connection: Connection, destination: str) -> Spent:
    """What all workers have used of a quota; no other reads it until the transaction ends."""
    connection.execute(
        "INSERT INTO spent (destination, tokens, at, day, count) VALUES (?, 0, 0, 0, 0)"
        " ON CONFLICT (destination) DO NOTHING",
        (destination,),
    )
    row = connection.execute(
        "SELECT tokens, at, day, count FROM spent WHERE destination = ? FOR UPDATE",
        (destination,),
    ).fetchone()
    return Spent(tokens=row["tokens"], at=row["at"], day=row["day"], count=row["count"])


def spend_of(connection: Connection, destination: str, spent: Spent) -> None:
    """Remember what is used."""
    connection.execute(
        "UPDATE spent SET tokens = ?, at = ?, day = ?, count = ? WHERE destination = ?",
        (float(spent.tokens), float(spent.at), spent.day, spent.count, destination),
    )
