"""What was read of a damaged journal, made a whole one again.

In: a journal whose rows were copied as far as they could be read, inside its transaction.
Out: the same, with every row in its place, and an account of what is missing.  This module
does not know the damaged file.
"""

from __future__ import annotations

from attrs import define, field

from dflow.delivery import State
from dflow.exchange.journal.connection import Connection
from dflow.exchange.journal.known import find, learn
from dflow.exchange.journal.payloads import Payloads
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.rows import Outcome
from dflow.exchange.journal.schema import ACTIVE

__all__ = ["Mender", "stand_in"]

_NO_ROW = "salvaged: its row could not be read"
_NO_DELIVERIES = "salvaged: its deliveries could not be read"
_HASH_ALONE = "salvaged: only the hash of its bytes could be read"
_BYTES_ALONE = "salvaged: only its bytes could be read"
_ASKED = "salvaged: what came of it later may be forgotten"


def stand_in(
    connection: Connection, number: int | None, *, outcome: Outcome, reason: str = _NO_ROW,
    at: float, hash_: str, size: int = 0, address: str = "{}", rule: str = "",
) -> int:  # fmt: skip
    """A row for an arrival of which no row could be read; its number."""
    made = connection.execute(
        "INSERT INTO arrival (id, at, source, name, hash, size, flow, version, sender, recipient,"
        " file_id, address, outcome, rule, reason, decision, rules_hash)"
        " VALUES (?, ?, 'salvage', ?, ?, ?, '', '', '', '', '', ?, ?, ?, ?, '', '')",
        # A destination may be told the name, so there is one.
        (
            *(number, at, f"salvaged-{hash_[:12]}.usr", hash_, size, address),
            *(outcome.value, rule, reason),
        ),
    )
    if made.lastrowid is None:  # pragma: no cover  an INSERT always gives one
        raise JournalError("the database gave a row no number")
    return made.lastrowid


@define
class Mender:
    """Puts the rows of one journal right.

    Attributes:
        connection: of the journal, in a transaction.
        payloads: of the journal.
        at: now, in POSIX seconds.
        made: arrivals that have a row again, by their bytes.
        held: arrivals that had deliveries, none of which could be read.
        without_bytes: arrivals whose bytes, or a delivery's of its own, are lost.
        asked: how many deliveries have become unknown.
    """

    connection: Connection
    payloads: Payloads
    at: float
    made: list[int] = field(factory=list)
    held: list[int] = field(factory=list)
    without_bytes: list[int] = field(factory=list)
    asked: int = 0

    def mend(self, *, deliveries_lost: bool) -> None:
        """Do all of it."""
        self._know()
        self._link()
        self._keep_what_has_only_bytes()
        self._prove()
        if deliveries_lost:
            self._hold_what_has_no_deliveries()
        self._ask_first()

    def _know(self) -> None:
        self.connection.execute("DELETE FROM known")
        self.connection.execute(
            "INSERT OR IGNORE INTO known SELECT dflow_digest(hash), id FROM payload"
        )

    def _link(self) -> None:
        """Rows name their bytes by hash and by number: the hash is what counts."""
        arrivals = self.connection.execute(
            "SELECT a.id, a.hash, a.size FROM arrival a LEFT JOIN payload p ON p.id = a.payload"
            " WHERE a.hash > '' AND (p.id IS NULL OR p.hash <> a.hash)"
        ).fetchall()
        for row in arrivals:
            number = self._number(row["hash"], row["size"])
            self._set("UPDATE arrival SET payload = ? WHERE id = ?", number, row["id"])
        own = self.connection.execute(
            "SELECT d.id, d.hash FROM delivery d JOIN arrival a ON a.id = d.arrival"
            " LEFT JOIN payload p ON p.id = d.payload"
            " WHERE d.hash > '' AND d.hash <> a.hash AND (p.id IS NULL OR p.hash <> d.hash)"
        ).fetchall()
        for row in own:
            self._set(
                "UPDATE delivery SET payload = ? WHERE id = ?", self._number(row["hash"]), row["id"]
            )
        self.connection.execute(
            "UPDATE delivery SET payload = NULL"
            " WHERE hash = (SELECT a.hash FROM arrival a WHERE a.id = delivery.arrival)"
        )
        self.connection.execute(
            "UPDATE OR IGNORE delivery SET about ="
            " coalesce((SELECT a.payload FROM arrival a WHERE a.id = delivery.arrival), 0)"
        )

    def _set(self, statement: str, number: int, id_: int) -> None:
        self.connection.execute(statement, (number, id_))

    def _number(self, hash_: str, size: int = 0) -> int:
        """The payload of a hash; one without bytes if there is none."""
        number = find(self.connection, hash_)
        if number is None:
            made = self.connection.execute(
                "INSERT INTO payload (hash, size) VALUES (?, ?)", (hash_, size)
            )
            number = made.lastrowid or 0
            learn(self.connection, number, hash_)
        return number

    def _prove(self) -> None:
        """Let go of bytes that are not what their hash says; note whose they were."""
        for row in self.connection.execute("SELECT id, hash FROM payload").fetchall():
            try:
                self.payloads.get(row["hash"])
            except JournalError:
                self.connection.execute("UPDATE payload SET body = NULL WHERE id = ?", (row["id"],))
                self.connection.execute(
                    "UPDATE arrival SET reason = ? WHERE payload = ? AND reason = ?",
                    (_HASH_ALONE, row["id"], _BYTES_ALONE),
                )
                about = self.connection.execute(
                    "SELECT id FROM arrival WHERE payload = ?"
                    " UNION SELECT arrival FROM delivery WHERE payload = ?",
                    (row["id"], row["id"]),
                )
                self.without_bytes += [one["id"] for one in about]
        self.without_bytes = sorted(set(self.without_bytes))

    def _keep_what_has_only_bytes(self) -> None:
        rows = self.connection.execute(
            "SELECT id, hash, size FROM payload p"
            " WHERE NOT EXISTS (SELECT 1 FROM arrival a WHERE a.payload = p.id)"
            " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.payload = p.id)"
        ).fetchall()
        for row in rows:
            number = stand_in(
                self.connection, None, outcome=Outcome.HELD, reason=_BYTES_ALONE,
                at=self.at, hash_=row["hash"], size=row["size"],
            )  # fmt: skip
            self._set("UPDATE arrival SET payload = ? WHERE id = ?", row["id"], number)
            self.made.append(number)

    def _hold_what_has_no_deliveries(self) -> None:
        rows = self.connection.execute(
            "SELECT id FROM arrival a WHERE outcome = ?"
            " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.arrival = a.id)",
            (Outcome.ROUTED.value,),
        ).fetchall()
        for row in rows:
            self.connection.execute(
                "UPDATE arrival SET outcome = ?, reason = ? WHERE id = ?",
                (Outcome.HELD.value, _NO_DELIVERIES, row["id"]),
            )
            self.held.append(row["id"])

    def _ask_first(self) -> None:
        """What was on its way may have arrived since: ask before anything is sent."""
        changed = self.connection.execute(
            f"UPDATE delivery SET state = ?, due = ?, changed = ?, reason = ? WHERE {ACTIVE}",
            (State.UNKNOWN.value, self.at, self.at, _ASKED),
        )
        self.asked = changed.rowcount
