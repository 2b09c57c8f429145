"""Where a PostgreSQL journal is: host, database, schema, user, and how long a lease lasts.

In: an address such as ``postgresql://host:5432/database``, without a password.  Out: what
a connection needs.  This module connects to nothing.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen
from attrs.validators import ge, matches_re

from dflow.transport.secret import Secret

__all__ = ["PostgresPlace", "schema_mistake"]

#: libpq's words that may stand in an address; a password is none of them.
_WORDS = (
    "application_name",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
)

#: A name that needs no quotes.
_NAME = "[a-z_][a-z0-9_]{0,40}"


_EXPECTED = "expected such as postgresql://host:5432/database"


def _port(parts: SplitResult) -> int:
    """The port; what is none is not said back, as it may be half of a password with a slash."""
    try:
        port = 5432 if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError(f"its port is no number from 1 to 65535; {_EXPECTED}")
    return port


def schema_mistake(schema: str) -> str:
    """What is wrong with the name of a schema; empty if nothing is."""
    if re.fullmatch(_NAME, schema):
        return ""
    return f"{schema!r} is no schema: lower case, digits and _, 41 at most"


@frozen(kw_only=True)
class PostgresPlace:
    """Where a PostgreSQL journal is.

    Attributes:
        host: name or address of the server.
        port: of the server.
        database: its name; it must exist.
        schema: of the tables, made if it is missing; one for each exchange.
        user: empty for the name of the process's user.
        password: None if the server asks for none, or a ``.pgpass`` has it.
        lease: seconds for which a worker that says nothing keeps what it has taken.
        words: more of libpq's settings, such as ``sslmode``.
    """

    host: str = "localhost"
    port: int = 5432
    database: str
    schema: str = field(default="dflow", validator=matches_re(_NAME))
    user: str = ""
    password: Secret | None = None
    lease: float = field(default=30.0, validator=ge(0.2))
    words: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        user: str = "",
        password: Secret | None = None,
        schema: str = "dflow",
        lease: float = 30.0,
    ) -> PostgresPlace:
        """The place that an address names.

        >>> PostgresPlace.parse("postgresql://db.example/energy").database
        'energy'

        Raises:
            ValueError: if it is no such address, or holds a password.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise ValueError(f"it is no address; {_EXPECTED}") from None
        if parts.scheme != "postgresql" or not parts.path.strip("/"):
            raise ValueError(_EXPECTED)
        if parts.password is not None:
            raise ValueError("a password does not stand in an address: give it by reference")
        if mistake := schema_mistake(schema):
            raise ValueError(mistake)
        words = tuple(parse_qsl(parts.query))
        for word, _ in words:
            if word not in _WORDS:
                raise ValueError(f"unknown word {word!r}; known are {', '.join(_WORDS)}")
        return cls(
            host=parts.hostname or "localhost",
            port=_port(parts),
            database=unquote(parts.path.strip("/")),
            schema=schema,
            user=user or unquote(parts.username or ""),
            password=password,
            lease=lease,
            words=words,
        )

    def __str__(self) -> str:
        return f"postgresql://{self.host}:{self.port}/{self.database} ({self.schema})"

    def settings(self) -> dict[str, str]:
        """The settings of libpq; a silent server is given up well within a lease."""
        silent = max(1, int(self.lease / 3))
        found = {
            "host": self.host,
            "port": str(self.port),
            "dbname": self.database,
            "connect_timeout": str(max(2, silent)),
            "keepalives_idle": str(silent),
            "keepalives_interval": "1",
            "keepalives_count": "3",
            "tcp_user_timeout": str(int(self.lease * 1000 / 3)),
            "application_name": "dflow",
            "options": f"-c search_path={self.schema}"
            " -c default_transaction_isolation=read\\ committed"
            " -c synchronous_commit=on"
            f" -c idle_in_transaction_session_timeout={int(self.lease * 1000)}"
            f" -c lock_timeout={int(max(10.0, self.lease) * 1000)}"
            " -c client_encoding=UTF8",
        }
        found.update(self.words)
        if self.user:
            found["user"] = self.user
        if self.password is not None:
            found["password"] = self.password.reveal()
        return found
