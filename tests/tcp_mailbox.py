"""A mailbox over TCP: a small transport with a server of its own, to try the kit with.

One line of JSON asks and one answers; bytes follow a line that says how many.  The server
keeps everything in memory, remembers keys for ever, and gives what a consumer holds to
others when its connection ends.
"""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from attrs import define, field

from dflow.testing.transports import Endpoint
from dflow.transport import (
    Arrival,
    Capabilities,
    Parcel,
    Presence,
    Receipt,
    Unavailable,
    Uncertain,
)

Words = dict[str, Any]


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.guard = threading.Lock()
        self.keys: set[str] = set()
        self.waiting: deque[tuple[str, Words, bytes]] = deque()
        self.count = 0


class Talk(socketserver.StreamRequestHandler):
    server: Server

    def setup(self) -> None:
        super().setup()
        self.held: dict[str, tuple[str, Words, bytes]] = {}

    def handle(self) -> None:
        try:
            while line := self.rfile.readline():
                words = json.loads(line)
                content = self.rfile.read(words.get("size", 0))
                if len(content) < words.get("size", 0):
                    return
                with self.server.guard:
                    answer, sent = self.answer(words, content)
                self.wfile.write(json.dumps({**answer, "size": len(sent)}).encode() + b"\n" + sent)
        except OSError:
            return

    def finish(self) -> None:
        with self.server.guard:
            self.server.waiting.extendleft(reversed(self.held.values()))
        try:
            super().finish()
        except OSError:
            return

    def answer(self, words: Words, content: bytes) -> tuple[Words, bytes]:
        server = self.server
        match words["do"]:
            case "put":
                repeat = words["key"] in server.keys
                if not repeat:
                    server.count += 1
                    server.keys.add(words["key"])
                    server.waiting.append((str(server.count), words, content))
                return {"repeat": repeat}, b""
            case "probe":
                return {"there": words["key"] in server.keys}, b""
            case "take":
                if not server.waiting:
                    return {"token": ""}, b""
                token, kept, sent = server.waiting.popleft()
                self.held[token] = (token, kept, sent)
                return {"token": token, "name": kept["name"], "notes": kept["notes"]}, sent
            case "done":
                self.held.pop(words["token"], None)
            case "failed" if words["token"] in self.held:
                server.waiting.appendleft(self.held.pop(words["token"]))
        return {}, b""


@define(eq=False)
class Line:
    """A connection, made when needed; a call that breaks off takes it along."""

    place: Endpoint
    password: str = field(default="", repr=False)
    _ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    _turn: asyncio.Lock | None = None

    async def ask(self, words: Words, content: bytes = b"") -> tuple[Words, bytes]:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if self._ends is None:
                try:
                    self._ends = await asyncio.open_connection(self.place.host, self.place.port)
                except OSError as error:
                    where = f"{self.place.host}:{self.place.port}"
                    raise Unavailable(f"no mailbox at {where}: {error.strerror}") from error
            whole = False
            try:
                reader, writer = self._ends
                line = json.dumps({**words, "size": len(content)}).encode() + b"\n"
                writer.write(line + content)
                await writer.drain()
                answer = cast("Words", json.loads(await reader.readline() or b"cut"))
                sent = await reader.readexactly(answer["size"])
                whole = True
            except (OSError, ValueError, EOFError) as error:
                raise Uncertain(f"the mailbox broke off: {type(error).__name__}") from error
            finally:
                if not whole:
                    self._drop()
            return answer, sent

    def _drop(self) -> None:
        if self._ends is not None:
            self._ends[1].transport.abort()
            self._ends = None

    async def close(self) -> None:
        if self._ends is not None:
            self._ends[1].close()
            with suppress(OSError):
                await self._ends[1].wait_closed()
        self._ends = self._turn = None


@define(eq=False)
class MailOutbox:
    line: Line

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=True, idempotent=True, ordered=True, notes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        words = {"do": "put", "key": parcel.key, "name": parcel.name, "notes": dict(parcel.notes)}
        answer, _ = await self.line.ask(words, parcel.content)
        return Receipt(key=parcel.key, repeat=answer["repeat"])

    async def probe(self, key: str) -> Presence:
        try:
            answer, _ = await self.line.ask({"do": "probe", "key": key})
        except Uncertain as error:
            raise Unavailable(str(error)) from error
        return Presence.PRESENT if answer["there"] else Presence.ABSENT

    async def check(self) -> str:
        await self.probe("a key that nobody has")
        return f"a mailbox answers at {self.line.place.host}:{self.line.place.port}"

    async def close(self) -> None:
        await self.line.close()


@define(eq=False)
class MailInbox:
    line: Line
    poll: float = 0.02

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        while True:
            try:
                answer, sent = await self.line.ask({"do": "take"})
            except Uncertain as error:
                raise Unavailable(str(error)) from error
            if answer["token"]:
                yield Arrival(
                    name=answer["name"],
                    content=sent,
                    token=answer["token"],
                    notes=answer["notes"],
                )
            elif once:
                return
            else:
                await asyncio.sleep(self.poll)

    async def done(self, arrival: Arrival) -> None:
        await self.line.ask({"do": "done", "token": arrival.token})

    async def failed(self, arrival: Arrival, reason: str) -> None:
        await self.line.ask({"do": "failed", "token": arrival.token})

    async def close(self) -> None:
        await self.line.close()


@define
class MailRig:
    server: Endpoint
    mailbox: Server

    def outbox(self, via: Endpoint | None = None) -> MailOutbox:
        return MailOutbox(Line(via or self.server))

    def inbox(self, via: Endpoint | None = None) -> MailInbox | None:
        return MailInbox(Line(via or self.server))

    def delivered(self) -> list[tuple[str, bytes]]:
        with self.mailbox.guard:
            return [(words["name"], content) for _, words, content in self.mailbox.waiting]


@contextmanager
def mail_rig() -> Iterator[MailRig]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        host, port = cast("tuple[str, int]", server.server_address)
        try:
            yield MailRig(Endpoint(host, port), server)
        finally:
            server.shutdown()
            thread.join(5)
