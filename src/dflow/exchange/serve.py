"""The status page over HTTP: on loopback, for one token, read only.

In: a way to make the page.  Out: a server.  This module does not know journals.

The token comes in the address once (``/?token=...``); from then on a cookie made of it lets
the browser in, so that the token stands neither in the address of a later page nor in the
cookie.  Whoever has no token is told nothing.
Only GET is answered, only for ``/``, and only for requests that name this host: a page of
another site cannot read it through a browser by a name of its own.  A client that is slow,
or goes away, is let go of without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

__all__ = ["make_server", "page_address"]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

#: Seconds that a client may take to ask, and to take an answer in.
_PATIENCE = 10.0


def page_address(port: int, token: str) -> str:
    """The address that opens the page once: what is odd in a token is escaped."""
    return f"http://127.0.0.1:{port}/?token={quote(token, safe='')}"


def _pass(token: str) -> str:
    """What a browser is given in place of the token: it fits a cookie, whatever the token."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"dflow", hashlib.sha256).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    page: Callable[[str], str]
    token: str
    timeout = _PATIENCE
    server_version, sys_version = "dflow", ""

    def do_GET(self) -> None:
        try:
            address = urlsplit(self.path)
            words = parse_qs(address.query, max_num_fields=20)
        except ValueError:
            self._say(400, "this address cannot be read")
            return
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in {"127.0.0.1", "localhost"}:
            self._say(421, "this name is not served here")
        elif given := words.get("token", [""])[0]:
            if hmac.compare_digest(_pass(given), _pass(self.token)):
                self._welcome(words.get("q", [""])[0][:200])
            else:
                self._say(403, "the token is wrong")
        elif not self._known():
            self._say(403, "a token is needed: /?token=...")
        elif address.path != "/":
            self._say(404, "there is one page, /")
        else:
            self._page(words.get("q", [""])[0][:200])

    def _cookie(self) -> str:
        """Its name: cookies are shared by all ports of a host, and two pages may be open."""
        port = self.connection.getsockname()[1]
        return f"dflow-{port}"

    def _known(self) -> bool:
        # Other programs on this host may set cookies that no parser reads: only ours is sought.
        sought = f"{self._cookie()}={_pass(self.token)}"
        parts = ";".join(self.headers.get_all("Cookie") or []).split(";")
        return any(
            hmac.compare_digest(part.strip().encode("utf-8", "replace"), sought.encode())
            for part in parts
        )

    def _welcome(self, search: str) -> None:
        self.send_response(303)
        self.send_header("Location", f"/?{urlencode({'q': search})}" if search else "/")
        cookie = f"{self._cookie()}={_pass(self.token)}"
        self.send_header("Set-Cookie", f"{cookie}; HttpOnly; SameSite=Strict; Path=/")
        self._end(b"")

    def _page(self, search: str) -> None:
        try:
            text = type(self).page(search)
        except Exception as error:  # noqa: BLE001  a page that fails must not end the server
            self._say(500, f"the journal cannot be read now: {type(error).__name__}")
            return
        self._say(200, text, kind="text/html")

    def _say(self, status: int, text: str, *, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self._end(text.encode("utf-8", "replace"))

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002  it may hold what was sent
        explain: str | None = None,  # noqa: ARG002  the same
    ) -> None:
        """What the base refuses, such as other methods, in as few words as the rest."""
        self.close_connection = True
        status = 405 if code == 501 else code
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "GET")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        said = "this page is only read: GET" if status == 405 else "this request cannot be read"
        self._end(said.encode() if self.command != "HEAD" else b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Nothing: an address may hold a token or an MPAN."""


#: What a server is given for a connection.
_Request = socket.socket | tuple[bytes, socket.socket]


def _cut(request: _Request) -> None:
    if isinstance(request, socket.socket):
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    def process_request_thread(self, request: _Request, client_address: object) -> None:
        """Answer, and end with a client that drips however patiently."""
        limit = threading.Timer(3 * _PATIENCE, _cut, [request])
        limit.daemon = True
        limit.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            limit.cancel()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away is no trouble of ours."""


def make_server(page: Callable[[str], str], *, token: str, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that answers with the page; 0 takes any free port.

    Args:
        page: makes the page for the words of a search.
        token: who has it may read.
        port: on loopback.

    Raises:
        OSError: if the port cannot be had.
    """
    handler = type("Handler", (_Handler,), {"page": staticmethod(page), "token": token})
    return _Server(("127.0.0.1", port), handler)
