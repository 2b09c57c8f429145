"""A web service as a destination: signed requests, each key once where the other side keeps them.

In: parcels.  Out: requests, and what their answers mean.  This module does not know
flows; it follows no redirect, reads no proxy or secret from the environment unless it is
told to, and checks the server's certificate always.

A parcel is one ``POST`` of its bytes, with ``Idempotency-Key``, ``Content-Digest`` and the
headers that travel with every message (`dflow.transport.wire`).  A question for a key is a
``GET`` with ``?key=`` and the key; only an answer with dflow's own header counts, so that a
page that any server might send is never taken for one.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from attrs import define, field

from dflow.transport.faults import Refused, TransportError, Unavailable, Uncertain
from dflow.transport.http.client import client_of, handshake, reason_of, tls_of
from dflow.transport.http.signing import DIGEST, IDEMPOTENCY, HttpWords, Signer, digest_of
from dflow.transport.http.words import PRESENCE, clean, fault_of, receipt_of
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.secret import Secret
from dflow.transport.wire import KEY, headers_of

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["HttpOutbox"]

#: So much of an answer is read; the rest is of no interest.
_ANSWER = 4096


def _usable(outbox: HttpOutbox, _: object, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{clean(url)!r} is no url of the form https://host/path")
    if parts.username or parts.password:
        raise ValueError("a url holds no user or password: sign the requests instead")
    if parts.query or parts.fragment:
        raise ValueError("the url holds a query or a fragment: dflow adds its own query")
    if parts.scheme == "http" and not outbox.plain and not _loopback(parts.hostname):
        raise ValueError("the url is not https: anyone on the way could read the files")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@define(eq=False, kw_only=True)
class HttpOutbox:
    """An outbox that posts parcels to a web service.

    Attributes:
        url: where to; ``https://``, or ``http://`` for this machine.
        signer: signs every request; None signs nothing.
        ca_file: certificates that the server's is checked against, instead of the system's.
        client_cert: own certificate in PEM, for servers that ask for one.
        client_key: its private key, if it is not in the same file.
        client_key_password: of the private key.
        asks: whether the service answers questions for a key, as dflow's way in does.
        patience: seconds to connect, and to wait for each part of an answer.
        plain: whether ``http://`` may be used to other machines.
        trust_env: whether proxies are taken from the environment.
    """

    url: str = field(validator=_usable)
    signer: Signer | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    client_key_password: Secret | None = None
    asks: bool = True
    patience: float = 30.0
    plain: bool = False
    trust_env: bool = False
    _client: httpx.AsyncClient | None = field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _trusted: bool = field(default=False, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It probes if the service answers; what is more is the service's to promise."""
        told = self.asks
        return Capabilities(probes=told, idempotent=told, durable=told, notes=told)

    async def send(self, parcel: Parcel) -> Receipt:
        """Post the parcel.

        Raises:
            Refused: the service does not take it as it is.
            Unavailable: the service cannot be reached, or says that it has not taken it.
            Uncertain: the request may have arrived.
        """
        headers = headers_of(parcel)
        headers[IDEMPOTENCY] = headers[KEY]
        headers[DIGEST] = digest_of(parcel.content)
        headers["content-type"] = "application/octet-stream"
        status, answered, body = await self._call("POST", "", headers, parcel.content)
        if 200 <= status < 300 or status == 409:
            return receipt_of(parcel.key, status, answered, body)
        raise fault_of(self.url, status, answered, body)

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT if dflow's way in answers, UNKNOWN if something else does.

        Raises:
            Unavailable: the service cannot be asked now.
        """
        if not self.asks:
            return Presence.UNKNOWN
        query = f"key={quote(key, safe='', errors='surrogatepass')}"
        try:
            status, answered, body = await self._call("GET", query, {}, b"")
        except TransportError as error:
            raise Unavailable(str(error)) from error
        word = answered.get(PRESENCE)
        if status == 200 and word == "present":
            return Presence.PRESENT
        if status == 404 and word == "absent":
            return Presence.ABSENT
        if status in (401, 403, 408, 429) or status >= 500:
            raise Unavailable(str(fault_of(self.url, status, answered, body)))
        return Presence.UNKNOWN

    async def check(self) -> str:
        """Ask for a key that nobody has; nothing is sent.

        Raises:
            TransportError: the service cannot be reached, or does not trust this client.
        """
        status, answered, body = await self._call("GET", "key=dflow-check", {}, b"")
        if PRESENCE in answered:
            return f"{self.url} answers, and trusts this client"
        if self.asks or status in (401, 403, 407) or status >= 500:
            fault = fault_of(self.url, status, answered, body)
            if status in (401, 403, 407) or status >= 500:
                raise Unavailable(str(fault))
            raise Unavailable(
                f"{self.url} answered {status}, but not as dflow's way in does: "
                "check the url, or set probe to false if it is another service"
            )
        return f"{self.url} answers with status {status}; whether it trusts this client is not said"

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, loop, self._client, self._loop = self._client, self._loop, None, None
        if client is not None and loop is asyncio.get_running_loop():
            await client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._trusted = False
            self._tls = tls_of(
                ca_file=self.ca_file,
                cert=self.client_cert,
                key=self.client_key,
                password=self.client_key_password,
            )
            self._client = client_of(self._tls, patience=self.patience, trust_env=self.trust_env)
            self._loop = loop
        return self._client

    async def _call(
        self, method: str, query: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """One request; the status, headers and beginning of the body of its answer."""
        client = self._opened()
        import httpx

        target = httpx.URL(f"{self.url}?{query}" if query else self.url)
        path, _, sent_query = target.raw_path.decode("ascii").partition("?")
        words = HttpWords(method=method, path=path, query=sent_query, headers=headers)
        signed = {**headers, **(self.signer.sign(words) if self.signer else {})}
        try:
            request = client.build_request(method, target, headers=signed, content=content or None)
            answer = await client.send(request, stream=True)
            try:
                body = b""
                try:
                    async for part in answer.aiter_raw():
                        body += part[: _ANSWER - len(body)]
                        if len(body) >= _ANSWER:
                            break
                except httpx.TransportError:
                    # Who refuses early may hang up on what was still being sent: its status
                    # is its answer.  Only of a success the rest might matter.
                    if answer.is_success:
                        raise
                self._trusted = True
                found = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status_code, found, body
            finally:
                await answer.aclose()
        except (httpx.HTTPError, OSError) as error:  # an alert of TLS comes as it is
            raise await self._broken(error) from error
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise Refused(f"{self.url}: the parcel's headers cannot be sent") from error

    async def _broken(self, error: httpx.HTTPError | OSError) -> TransportError:
        """The fault that an error of a connection is."""
        certain, words = reason_of(error)
        if certain:
            return Unavailable(f"{self.url}: {words}")
        parts = urlsplit(self.url)
        if self._tls is not None and parts.scheme == "https" and not self.trust_env:
            place = (parts.hostname or "", parts.port or 443)
            said, why = await asyncio.to_thread(handshake, self._tls, *place)
            if why:
                # Who was never answered was never trusted: no request has got in.
                certain = said and not self._trusted
                return (Unavailable if certain else Uncertain)(f"{self.url}: {why}")
        return Uncertain(f"{self.url}: {words}")
