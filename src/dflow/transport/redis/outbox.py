"""A Redis stream as a destination: each key once, by one script.

In: parcels.  Out: entries of a stream.  This module does not know flows.

A script, which Redis runs whole or not at all, looks for the key's mark, adds the entry
and sets the mark.  So a key is there exactly if its mark is, until the mark expires after
`keep_keys` seconds; consuming or deleting the entry changes nothing of that.

What a receipt is worth depends on the server: with `appendonly yes` it survives the death
of the process, with `appendfsync always` too it survives a loss of power.  `durable`
demands that, and looks.
"""

from __future__ import annotations

import hashlib

from attrs import define, field

from dflow.transport.brokers.link import Link
from dflow.transport.faults import Unavailable
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.redis.session import Answer, Session, connect
from dflow.transport.server import Server
from dflow.transport.wire import headers_of

__all__ = ["CONTENT", "RedisOutbox"]

#: The field of an entry that holds the bytes.
CONTENT = "content"

_ADD = """
local known = redis.call('GET', KEYS[2])
if known then return {1, known} end
local most = tonumber(ARGV[2])
if most > 0 and redis.call('XLEN', KEYS[1]) >= most then return {2, ''} end
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return {0, id}
"""


@define(eq=False, kw_only=True)
class RedisOutbox:
    """An outbox into a Redis stream.

    Attributes:
        server: where Redis is; the URL's path is the database's number.
        stream: the stream's key.
        keep_keys: for how many seconds a delivered key is remembered.
        most: entries that the stream may hold; 0 for any number.
        durable: whether to use only a server that writes to its disk before it answers.
        patience: seconds to wait for an answer.
    """

    server: Server
    stream: str
    keep_keys: float = 7 * 86400.0
    most: int = 0
    durable: bool = False
    patience: float = 30.0
    _link: Link[Session] = field(init=False)

    @_link.default
    def _make_link(self) -> Link[Session]:
        return Link(
            open=self._open, shut=lambda held: held.close(), alive=lambda held: not held.stale
        )

    @property
    def capabilities(self) -> Capabilities:
        """It probes, is idempotent and ordered; durable if that is demanded."""
        return Capabilities(
            probes=True, idempotent=True, durable=self.durable, ordered=True, notes=True
        )

    async def send(self, parcel: Parcel) -> Receipt:
        """Add the parcel to the stream, once.

        Raises:
            Unavailable: it is not in the stream: unreachable, refused, full.
            Uncertain: no answer came.
        """
        session = await self._link.get()
        fields: list[str | bytes] = []
        for name, value in headers_of(parcel).items():
            fields += [name, value]
        fields += [CONTENT, parcel.content]
        answer = await session.tell(
            "EVAL",
            _ADD,
            2,
            self.stream,
            self._mark(parcel.key),
            max(1, int(self.keep_keys * 1000)),
            self.most,
            *fields,
            size=len(parcel.content),
        )
        state, place = answer if isinstance(answer, list) else (2, b"")
        if state == _FULL:
            words = f"stream {self.stream} holds {self.most} entries, as many as it may"
            raise Unavailable(f"{self.server.url}: {words}: trim it, or raise `most`")
        return Receipt(key=parcel.key, place=_text(place), repeat=state == _KNOWN)

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT, consumed or not, for `keep_keys` seconds.

        Raises:
            Unavailable: the server cannot be asked now.
        """
        session = await self._link.get()
        found = await session.ask("EXISTS", self._mark(key))
        return Presence.PRESENT if found else Presence.ABSENT

    async def check(self) -> str:
        """What was reached; nothing is sent.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        session = await self._link.get()
        count = await session.ask("XLEN", self.stream)
        told = await _info(session, "persistence")
        kept = "every write is logged" if told.get("aof_enabled") == "1" else _UNLOGGED
        return f"{self.server.url}: stream {self.stream}, {count!s} entries; {kept}"

    async def close(self) -> None:
        """Let go of the connections."""
        await self._link.close()

    def _mark(self, key: str) -> str:
        """The key of the mark, in the stream's slot of a cluster."""
        hash_ = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        start, end = self.stream.find("{"), -1
        if start >= 0:
            end = self.stream.find("}", start)
        tagged = self.stream if end > start + 1 else f"{{{self.stream}}}"
        return f"{tagged}:dflow-key:{hash_}"

    async def _open(self) -> Session:
        session = await connect(self.server, patience=self.patience)
        try:
            await self._trust(session)
        except BaseException:
            await session.close()
            raise
        return session

    async def _trust(self, session: Session) -> None:
        """Know that the server keeps what it is given."""
        memory = await _info(session, "memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and memory.get("maxmemory", "0") != "0":
            words = f"it drops keys when its memory is full (maxmemory-policy {policy})"
            raise Unavailable(f"{self.server.url}: {words}: set it to noeviction")
        if not self.durable:
            return
        wanted = {"appendonly": "yes", "appendfsync": "always"}
        told = await session.ask("CONFIG", "GET", "append*")
        pairs = [_text(one) for one in told] if isinstance(told, list) else []
        said = dict(zip(pairs[::2], pairs[1::2], strict=False))
        for name, value in wanted.items():
            if said.get(name) != value:
                words = f"{name} is {said.get(name)}, and `durable` needs {value}"
                raise Unavailable(f"{self.server.url}: {words}: CONFIG SET {name} {value}")


_KNOWN, _FULL = 1, 2
_UNLOGGED = "no append-only file: a restart may lose the latest"


def _text(value: Answer) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def _info(session: Session, section: str) -> dict[str, str]:
    """A section of what the server tells of itself; nothing if it may not be asked."""
    try:
        told = await session.ask("INFO", section)
    except Unavailable as error:
        if "NOPERM" in str(error) or "permission" in str(error):
            return {}
        raise
    lines = _text(told).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
