"""The status page over HTTP: on loopback, for one token, read only.

In: a way to make the page.  Out: a server.  This module does not know journals.

The token comes in the address once (``/?token=...``) and is kept in a cookie, so that it
does not stand in the address of every later page.  Whoever has no token is told nothing.
Only GET is answered, only for ``/``, and only for requests that name this host: a page of
another site cannot read it through a browser by a name of its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

__all__ = ["make_server"]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Handler(BaseHTTPRequestHandler):
    page: Callable[[str], str]
    token: str
    server_version, sys_version = "dflow", ""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        words = parse_qs(address.query)
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in {"127.0.0.1", "localhost"}:
            self._say(421, "this name is not served here")
        elif given := words.get("token", [""])[0]:
            if hmac.compare_digest(given.encode(), self.token.encode()):
                self._welcome(words.get("q", [""])[0])
            else:
                self._say(403, "the token is wrong")
        elif not self._known():
            self._say(403, "a token is needed: /?token=...")
        elif address.path != "/":
            self._say(404, "there is one page, /")
        else:
            self._page(words.get("q", [""])[0][:200])

    def _known(self) -> bool:
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get("dflow")
        except CookieError:
            return False
        value = morsel.value if morsel is not None else ""
        return hmac.compare_digest(value.encode(), self.token.encode())

    def _welcome(self, search: str) -> None:
        self.send_response(303)
        self.send_header("Location", f"/?{urlencode({'q': search})}" if search else "/")
        self.send_header("Set-Cookie", f"dflow={self.token}; HttpOnly; SameSite=Strict; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, search: str) -> None:
        try:
            text = type(self).page(search)
        except Exception as error:  # noqa: BLE001  a page that fails must not end the server
            self._say(500, f"the journal cannot be read now: {type(error).__name__}")
            return
        self._say(200, text, kind="text/html")

    def _say(self, status: int, text: str, *, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Nothing: an address may hold a token or an MPAN."""


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
    return ThreadingHTTPServer(("127.0.0.1", port), handler)
