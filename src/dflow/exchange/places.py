"""Where the journal of a configuration is: `[journal]` read and checked.

In: the table's values.  Out: a `JournalPlace`, which opens the journal.  This module opens
nothing by reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from dflow.exchange.journal import (
    Cipher,
    JournalError,
    PostgresJournal,
    PostgresPlace,
    Salvaged,
    Seen,
    SqliteJournal,
    is_whole,
    open_journal,
    open_postgres,
    salvage_journal,
)
from dflow.exchange.journal.postgres.place import schema_mistake
from dflow.exchange.options import OPTIONS
from dflow.exchange.settings import TableReader
from dflow.tomltext import read_toml
from dflow.transport import Secret
from dflow.transport.kinds import Setting

__all__ = ["Books", "JournalPlace", "journal_place", "load_books"]

_KNOWN = ("sqlite:///journal.db", "postgresql://host:5432/database", "memory:")


@frozen(kw_only=True)
class JournalPlace:
    """Where a journal is, and how its payloads are kept.

    Attributes:
        path: of a SQLite journal; None for one in memory, or in PostgreSQL.
        postgres: of a PostgreSQL journal.
        payloads: folder for large payloads.
        payloads_above: bytes above which they go there.
        cipher: seals payloads at rest; None keeps them plain.
    """

    path: Path | None = None
    postgres: PostgresPlace | None = None
    payloads: Path | None = None
    payloads_above: int = 256 * 1024
    cipher: Cipher | None = field(default=None, repr=False)

    @property
    def lasting(self) -> bool:
        """Whether there may be something in it from another process."""
        return self.postgres is not None or (self.path is not None and self.path.exists())

    def open(self) -> SqliteJournal | PostgresJournal:
        """The journal, made if it is missing.

        Raises:
            JournalError: if it cannot be used.
        """
        if self.postgres is not None:
            return open_postgres(
                self.postgres,
                payloads=self.payloads,
                payloads_above=self.payloads_above,
                cipher=self.cipher,
            )
        return open_journal(
            self.path,
            payloads=self.payloads,
            payloads_above=self.payloads_above,
            cipher=self.cipher,
        )

    def is_whole(self) -> bool:
        """Whether nothing is wrong with the file of the journal, page by page.

        Raises:
            JournalError: if it is no file, or cannot be looked at.
        """
        return is_whole(self._file())

    def salvage(self, *, at: float, who: str, why: str, seen: Seen) -> Salvaged:
        """Put a whole journal in the place of a damaged one; see `salvage_journal`.

        Raises:
            JournalError: if it is no file, nothing can be read, or it is in use.
        """
        return salvage_journal(
            self._file(),
            at=at,
            who=who,
            why=why,
            payloads=self.payloads,
            payloads_above=self.payloads_above,
            cipher=self.cipher,
            seen=seen,
        )

    def _file(self) -> Path:
        if self.path is None:
            raise JournalError("this journal is no file: its server mends it, or nothing does")
        return self.path


@frozen(kw_only=True)
class Books:
    """What a configuration says of its journal, whatever stands in the rest of it.

    Attributes:
        journal_place: where the journal is.
        destinations: names of the mounts, each a destination of the rules.
    """

    journal_place: JournalPlace
    destinations: tuple[str, ...]


def load_books(path: Path) -> Books:
    """Read what is needed to look into a journal and to act on it: no rules, no transport.

    So that people can act while somebody mends the rules, or where secrets are not at hand.

    Raises:
        SourceError: if the file cannot be read.
        RefusedText: if it is no TOML, or what it says of the journal is wrong.
    """
    reader = TableReader(read_toml(path), path.parent)
    place = journal_place(reader, reader.options(("journal",), OPTIONS["journal"]))
    reader.refuse()
    return Books(journal_place=place, destinations=tuple(reader.table("mount")))


def journal_place(reader: TableReader, values: Mapping[str, Setting]) -> JournalPlace:
    """What the table says; its mistakes are noted in `reader`."""
    url = str(values["url"])
    postgres = _postgres(reader, url, values) if url.startswith("postgresql:") else None
    path = None
    if url.startswith("sqlite:///") and url != "sqlite:///":
        path = reader.folder / url.removeprefix("sqlite:///")
    elif url != "memory:" and not url.startswith("postgresql:"):
        reader.fault(("journal", "url"), f"no journal at {url!r}", expected=_KNOWN, shown=False)
    if not url.startswith("postgresql:"):
        for word in ("user", "password", "schema", "lease"):
            if word in reader.table("journal"):
                reader.fault(
                    ("journal", word),
                    f"{word} is for a journal in PostgreSQL, and this one is not",
                    shown=word != "password",
                )
    payloads, above = values["payloads"], values["payloads_above"]
    return JournalPlace(
        path=path,
        postgres=postgres,
        payloads=payloads if isinstance(payloads, Path) else None,
        payloads_above=above if isinstance(above, int) else 256 * 1024,
        cipher=_cipher(reader, values["encrypt_with"]),
    )


def _postgres(reader: TableReader, url: str, values: Mapping[str, Setting]) -> PostgresPlace | None:
    user, password, schema, lease = (
        values[word] for word in ("user", "password", "schema", "lease")
    )
    if mistake := schema_mistake(str(schema)):
        reader.fault(("journal", "schema"), mistake)
        return None
    try:
        return PostgresPlace.parse(
            url,
            user=user if isinstance(user, str) else "",
            password=password if isinstance(password, Secret) else None,
            schema=str(schema),
            lease=float(lease) if isinstance(lease, int | float) else 30.0,
        )
    except ValueError as error:
        # The address may hold a password: it is not shown.
        reader.fault(("journal", "url"), f"url: {error}", shown=False)
        return None


def _cipher(reader: TableReader, secret: Setting) -> Cipher | None:
    if not isinstance(secret, Secret):
        return None
    try:
        return Cipher.of(secret)
    except JournalError as error:
        reader.fault(("journal", "encrypt_with"), str(error), shown=False)
        return None
