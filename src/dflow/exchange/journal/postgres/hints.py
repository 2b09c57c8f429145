"""Hints that there is work: PostgreSQL's LISTEN, in a thread with its own connection.

In: a place and a function to call.  Out: calls of it.  This module promises nothing: a hint
may come late, for nothing, or never, and whoever waits for one looks by itself as well.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.postgres.connection import connect
from dflow.exchange.journal.postgres.place import PostgresPlace

__all__ = ["listening"]


@contextmanager
def listening(place: PostgresPlace, wake: Callable[[str], None]) -> Iterator[None]:
    """While the block lasts, `wake` is called, in a thread, with names of destinations."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_listen, args=(place, wake, ended), name="dflow-hints", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _listen(place: PostgresPlace, wake: Callable[[str], None], ended: threading.Event) -> None:
    import psycopg

    while not ended.is_set():
        with contextlib.suppress(JournalError, psycopg.Error):
            connection = connect(place)
            with contextlib.closing(connection):
                connection.execute(f"LISTEN dflow_{place.schema}")
                while not ended.is_set():
                    for notice in connection.notifies(timeout=0.2):
                        wake(notice.payload)
        ended.wait(1.0)
