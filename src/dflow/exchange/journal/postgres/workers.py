"""The workers of a journal: who is alive, by the server's clock, and what the dead held.

In: a connection, inside a transaction.  Out: a name, and the deliveries that nobody has
any more.  This module does not send and does not ask.

A worker is one session of one process: its name is never used twice, so that what it held
can be told from what its successor takes.  It lives as long as it prolongs its lease; one
that says nothing for that long is dead for all others, whatever it thinks itself.
"""

from __future__ import annotations

import os
import secrets
import socket

from dflow.exchange.journal.port import LeaseLost
from dflow.exchange.journal.postgres.connection import Connection

__all__ = ["alive", "forgotten", "prolong", "register", "retire"]

_UNTIL = "clock_timestamp() + make_interval(secs => ?)"


def register(connection: Connection, lease: float) -> str:
    """A new worker; its name."""
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())
    name = f"{host[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
    connection.execute(
        f"INSERT INTO worker (name, until) VALUES (?, {_UNTIL})", (name, float(lease))
    )
    return name


def alive(connection: Connection, name: str) -> str:
    """The name again; until the transaction ends nobody takes its bearer for dead.

    Raises:
        LeaseLost: its lease has ended.
    """
    row = connection.execute(
        "SELECT name FROM worker WHERE name = ? AND until > clock_timestamp() FOR SHARE", (name,)
    ).fetchone()
    if row is None:
        raise LeaseLost(f"the lease of worker {name} has ended")
    return name


def prolong(connection: Connection, name: str, lease: float) -> None:
    """Live on for one more lease.

    Raises:
        LeaseLost: the lease had ended; others may have what this worker held.
    """
    cursor = connection.execute(
        f"UPDATE worker SET until = {_UNTIL} WHERE name = ? AND until > clock_timestamp()",
        (float(lease), name),
    )
    if cursor.rowcount == 0:
        raise LeaseLost(f"worker {name} said nothing for {lease:g} s: its lease has ended")


def retire(connection: Connection, name: str) -> None:
    """Live no longer; what is still held is for the others to ask about at once."""
    connection.execute("UPDATE worker SET until = clock_timestamp() WHERE name = ?", (name,))


def forgotten(connection: Connection) -> list[tuple[int, float]]:
    """What dead workers were sending: number, and when each attempt began.

    What they only asked about is free for anybody by then.
    """
    dead = connection.execute(
        "SELECT name FROM worker WHERE until <= clock_timestamp() FOR UPDATE SKIP LOCKED"
    ).fetchall()
    if not dead:
        return []
    names = [row["name"] for row in dead]
    connection.execute(
        "UPDATE delivery SET owner = '' WHERE owner = ANY(?) AND state <> 'sending'", (names,)
    )
    rows = connection.execute(
        "SELECT id, changed FROM delivery WHERE owner = ANY(?) AND state = 'sending'"
        " ORDER BY id FOR UPDATE",
        (names,),
    ).fetchall()
    connection.execute("DELETE FROM worker WHERE name = ANY(?)", (names,))
    return [(row["id"], row["changed"]) for row in rows]
