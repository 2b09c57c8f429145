"""The way in as a plain ASGI application, to be mounted in any web service.

In: requests.  Out: parcels that were verified, and answers.  This module does not know
where parcels are kept: it is given two calls, and answers only after they return.

What is looked at, in this order, so that strangers cost little: size as announced, key,
signature with its time, room, the body as it comes in, its hash.  Nothing is answered with
2xx before the parcel is kept for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from urllib.parse import parse_qs, quote, unquote

from attrs import define, field

from dflow.transport.faults import Refused, TransportError
from dflow.transport.http.signing import DIGEST, IDEMPOTENCY, HttpWords, Verifier, digest_of
from dflow.transport.http.words import PRESENCE, REPEAT
from dflow.transport.parcel import Presence, Receipt
from dflow.transport.wire import KEY, arrival_of

__all__ = ["AsgiReceive", "AsgiSend", "Scope", "WebhookApp"]

#: What ASGI tells of a connection.
Scope = MutableMapping[str, object]
#: ASGI's call for what comes in.
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, object]]]
#: ASGI's call for what goes out.
AsgiSend = Callable[[MutableMapping[str, object]], Awaitable[None]]

_LONGEST_KEY = 1000

#: Bytes of a body that is awaited though it is not wanted, and for how many seconds at most.
_SHORT, _MOMENT = 1 << 20, 1.0


class _Answer(Exception):
    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@define(eq=False, kw_only=True)
class WebhookApp:
    """The application.

    Attributes:
        keep: keeps a key's headers and body for good; the receipt says if it had it.
        ask: whether a key was kept.
        room: why nothing more is taken now; empty if it is.
        verifier: who may send; None trusts whoever gets here.
        largest: bytes of a body.
        at_once: so many bodies are being read at once; further requests wait a little.
        patience: seconds in which a body has to come in.
        public_path: the path that senders use, where a proxy in front changes it.
    """

    keep: Callable[[str, dict[str, str], bytes], Awaitable[Receipt]]
    ask: Callable[[str], Awaitable[Presence]]
    room: Callable[[], Awaitable[str]]
    verifier: Verifier | None
    largest: int = 64 << 20
    at_once: int = 32
    patience: float = 60.0
    public_path: str | None = None
    _reading: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one connection of ASGI 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: AsgiReceive, send: AsgiSend) -> None:
        method = str(scope.get("method"))
        try:
            words = self._words(scope, method)
            if method in ("GET", "HEAD"):
                answer = await self._asked(words)
            elif method == "POST":
                answer = await self._taken(words, receive)
            else:
                answer = _Answer(405, "POST a file, or GET with ?key=", allow="POST, GET, HEAD")
        except _Answer as early:
            answer = early
        except _Gone:
            return
        text = answer.words if method != "HEAD" else ""
        body = text.encode("utf-8", "replace") + (b"\n" if text else b"")
        headers = {"content-type": "text/plain; charset=utf-8", **answer.headers}
        headers["content-length"] = str(len(body))
        if answer.status in (408, 413, 503):
            # Part of the body may not have been read: this connection has no next request.
            headers["connection"] = "close"
        raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _words(self, scope: Scope, method: str) -> HttpWords:
        headers: dict[str, str] = {}
        pairs = scope.get("headers")
        for name_bytes, value in pairs if isinstance(pairs, list | tuple) else ():
            name = name_bytes.decode("latin-1").lower()
            if name in headers:
                if name.startswith("dflow-") or name in _ONCE:
                    raise _Answer(400, f"the header {name} is there twice")
                continue
            headers[name] = value.decode("latin-1")
        raw = scope.get("raw_path")
        path = raw.decode("latin-1") if isinstance(raw, bytes) else quote(str(scope.get("path")))
        query = scope.get("query_string")
        return HttpWords(
            method=method,
            path=self.public_path or path.partition("?")[0],
            query=query.decode("latin-1") if isinstance(query, bytes) else "",
            headers=headers,
        )

    def _verify(self, words: HttpWords) -> None:
        if self.verifier is not None and (why := self.verifier.verify(words)):
            raise _Answer(401, why, www_authenticate="Signature")

    async def _asked(self, words: HttpWords) -> _Answer:
        self._verify(words)
        keys = parse_qs(words.query, errors="surrogatepass").get("key", [])
        if len(keys) != 1:
            return _Answer(400, "ask with one ?key=")
        presence = await self.ask(keys[0])
        status = {Presence.PRESENT: 200, Presence.ABSENT: 404}.get(presence, 409)
        return _Answer(status, presence.value, **{PRESENCE: presence.value})

    async def _taken(self, words: HttpWords, receive: AsgiReceive) -> _Answer:
        headers = words.headers
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced[:20]) > self.largest:
            raise _Answer(413, f"more than the {self.largest} bytes allowed")
        sent = headers.get(IDEMPOTENCY, "")
        if not sent or len(sent) > _LONGEST_KEY or not sent.isprintable():
            raise _Answer(400, f"a request needs an Idempotency-Key of 1 to {_LONGEST_KEY} letters")
        if headers.get(KEY, sent) != sent:
            raise _Answer(400, f"{KEY} and Idempotency-Key differ")
        self._verify(words)
        if why := await self.room():
            await _rest(words, receive)
            raise _Answer(503, why, retry_after="5")
        end = time.monotonic() + self.patience / 4
        while self._reading >= self.at_once:
            if time.monotonic() > end:
                await _rest(words, receive)
                raise _Answer(503, "too many requests at once", retry_after="1")
            await asyncio.sleep(0.02)
        self._reading += 1
        try:
            content = await self._body(receive)
            self._whole(words, content)
            return await self._kept(words, sent, content)
        finally:
            self._reading -= 1

    async def _body(self, receive: AsgiReceive) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    part = message.get("body", b"")
                    if isinstance(part, bytes) and part:
                        parts.append(part)
                        size += len(part)
                    if size > self.largest:
                        raise _Answer(413, f"more than the {self.largest} bytes allowed")
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise _Answer(408, f"the body did not come within {self.patience:g} s") from None

    def _whole(self, words: HttpWords, content: bytes) -> None:
        digest = words.headers.get(DIGEST, "")
        if not digest and self.verifier is not None:
            raise _Answer(400, "a request needs a Content-Digest by sha-256")
        given = [one.strip() for one in digest.split(",") if one.strip().startswith("sha-256=")]
        if digest and given != [digest_of(content)]:
            raise _Answer(400, "the body does not match its Content-Digest by sha-256")
        if problem := arrival_of(words.headers, content, token="", name="").problem:
            raise _Answer(400, problem)

    async def _kept(self, words: HttpWords, sent: str, content: bytes) -> _Answer:
        own = {name: value for name, value in words.headers.items() if name.startswith("dflow-")}
        try:
            receipt = await self.keep(unquote(sent, errors="surrogatepass"), own, content)
        except Refused as error:
            return _Answer(422, str(error))
        except (TransportError, OSError):
            # Its words may name folders of this machine; they are not the sender's business.
            return _Answer(503, "it cannot be kept now", retry_after="5")
        status = 200 if receipt.repeat else 202
        headers = {REPEAT: "1"} if receipt.repeat else {}
        answer = json.dumps({"id": receipt.place, "repeat": receipt.repeat})
        return _Answer(status, answer, content_type="application/json", **headers)


async def _rest(words: HttpWords, receive: AsgiReceive) -> None:
    """Let a short body come: to hang up on it would take the answer away with it."""
    if int(words.headers.get("content-length", "0")) > _SHORT or "expect" in words.headers:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MOMENT):
            while (await receive()).get("more_body"):
                pass


class _Gone(Exception):
    pass


#: Headers that may not be there twice: each reader might take another.
_ONCE = frozenset({IDEMPOTENCY, DIGEST, "signature", "signature-input", "content-length"})


async def _lifespan(receive: AsgiReceive, send: AsgiSend) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
