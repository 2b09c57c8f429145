"""One connection to PostgreSQL, spoken to as the modules of a journal speak to SQLite.

In: SQL with ``?`` for each value.  Out: rows as dictionaries; every failure is a
`JournalError` in one sentence.  This module does not know the tables.  psycopg is loaded
when a connection is first opened, and is an extra.

A connection that broke is opened again by the next transaction, never within one: what
was begun is undone by the server, and its caller is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import define, field

from dflow.exchange.journal.database import kept
from dflow.exchange.journal.port import JournalBusy, JournalError
from dflow.exchange.journal.postgres.place import PostgresPlace

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import DictRow

__all__ = ["Connection", "connect"]

#: Tables of which a new row's number is asked for; SQLite tells it by itself.
_NUMBERED = tuple(f"INSERT INTO {table} " for table in ("payload", "arrival", "delivery", "event"))


@lru_cache(maxsize=512)
def _translated(statement: str) -> str:
    """SQL with ``?`` as psycopg wants it."""
    text = statement.replace("%", "%%").replace("?", "%s")
    return f"{text} RETURNING id" if statement.startswith(_NUMBERED) else text


def connect(place: PostgresPlace) -> psycopg.Connection[DictRow]:
    """A new connection.

    Raises:
        JournalError: if the extra is missing or the server cannot be had.
    """
    try:
        import psycopg
        from psycopg.rows import dict_row
    except ImportError as error:
        raise JournalError(
            "a journal in PostgreSQL needs the extra: pip install dflow[postgres]"
        ) from error
    try:
        return psycopg.connect(
            **place.settings(),  # type: ignore[arg-type]  # libpq's words
            autocommit=True,
            row_factory=dict_row,
        )
    except psycopg.Error as error:
        raise JournalError(f"{place}: {_words(error)}") from None


def _words(error: BaseException) -> str:
    """The first sentence of an error; libpq adds lines of hints."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@define(eq=False)
class _Cursor:
    _cursor: psycopg.Cursor[DictRow]
    lastrowid: int | None = None

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


@define(eq=False)
class Connection:
    """A connection that is opened again when it broke.

    Attributes:
        place: of the server.
        opened: how many times it was opened: another number is another session.
        inside: whether a transaction is open.
    """

    place: PostgresPlace
    opened: int = field(default=0, init=False)
    inside: bool = field(default=False, init=False)
    _real: psycopg.Connection[DictRow] | None = field(default=None, init=False, repr=False)

    def _ready(self) -> psycopg.Connection[DictRow]:
        """The session; within a transaction the one in which it began, or nothing."""
        real = self._real
        if self.inside:
            if real is None or real.closed:
                raise JournalError(f"{self.place}: the connection was lost, and all was undone")
            return real
        if real is None or real.closed:
            real = self._real = connect(self.place)
            self.opened += 1
        return real

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All in the block is committed, or nothing.

        Raises:
            JournalError: if it could not be.
        """
        self.execute("BEGIN")
        self.inside = True
        try:
            yield
            self._commit()
        except BaseException:
            self._undo()
            raise
        finally:
            self.inside = False

    def _commit(self) -> None:
        from psycopg.pq import TransactionStatus

        if self._ready().info.transaction_status is not TransactionStatus.INTRANS:
            # COMMIT would undo all, and say so only in passing.
            raise JournalError(f"{self.place}: a statement failed, and all was undone")
        self.execute("COMMIT")

    def _undo(self) -> None:
        real = self._real
        if real is not None:
            try:
                real.rollback()
            except Exception:  # noqa: BLE001  the session is lost, and with it what was begun
                with contextlib.suppress(Exception):
                    real.close()

    def execute(self, statement: str, values: Sequence[object] = (), /) -> _Cursor:
        """Run one statement, its values in the places of ``?``."""
        real = self._ready()
        text = _translated(statement)
        with self._told():
            cursor = real.cursor(binary=True)
            cursor.execute(text, kept(values) if values else None)
            if text.endswith(" RETURNING id"):
                row = cursor.fetchone()
                return _Cursor(cursor, None if row is None else int(row["id"]))
            return _Cursor(cursor)

    def executemany(self, statement: str, values: Iterable[Sequence[object]], /) -> None:
        """Run one statement for each of several rows of values."""
        rows = [kept(row) for row in values]
        if rows:
            with self._told():
                self._ready().cursor().executemany(_translated(statement), rows)

    def script(self, statements: str) -> None:
        """Run several statements without values."""
        with self._told():
            self._ready().execute(statements)

    def lock(self, what: str, *, shared: bool = False) -> None:
        """Have a name to oneself, or with others that share it, until the transaction ends."""
        word = "_shared" if shared else ""
        self.execute(
            f"SELECT pg_advisory_xact_lock{word}(hashtextextended(?, 0))",
            (f"dflow {self.place.schema} {what}",),
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of psycopg as the journal's."""
        import psycopg

        try:
            yield
        except (
            psycopg.errors.DeadlockDetected,
            psycopg.errors.SerializationFailure,
            psycopg.errors.LockNotAvailable,
        ) as error:
            raise JournalBusy(f"{self.place}: {_words(error)}") from error
        except psycopg.Error as error:
            raise JournalError(f"{self.place}: {_words(error)}") from error

    def close(self) -> None:
        """Let go of it."""
        if self._real is not None:
            with contextlib.suppress(Exception):
                self._real.close()
            self._real = None
