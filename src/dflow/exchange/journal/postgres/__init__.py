"""The journal of several workers, in PostgreSQL; the driver, psycopg, is loaded when opened."""

from dflow.exchange.journal.postgres.journal import PostgresJournal, open_postgres
from dflow.exchange.journal.postgres.place import PostgresPlace

__all__ = ["PostgresJournal", "PostgresPlace", "open_postgres"]
