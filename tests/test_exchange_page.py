"""The status page: for who has the token, without payloads, and it changes nothing."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

import pytest

from dflow.exchange import Mount
from dflow.exchange.page import status_page
from dflow.exchange.serve import make_server
from support_exchange import Moody, World, file

MPAN = b"1099000000010"


@pytest.fixture
def world() -> World:
    boxes = {"old": Moody(moods=["refuses"]), "new": Moody(), "spare": Moody()}
    here = World(mounts=tuple(Mount(name=name, outbox=box) for name, box in boxes.items()))
    here.inbox.put(file(1) + b"026|" + MPAN + b"|V|\n", name="<b>one</b>.usr")
    here.inbox.put(file(2, flow="D0004"), name="two.usr")
    here.run()
    return here


def page(here: World, search: str = "") -> str:
    return status_page(here.journal, ["old", "new"], now=here.clock.now + 60, search=search)


def test_it_shows_what_waits_and_escapes_what_came_from_outside(world: World) -> None:
    text = page(world)
    assert "something waits for a person" in text
    assert '<td class="bad">dead</td>' in text
    assert '<td class="bad">unrouted</td>' in text
    assert "not for us" in text
    assert "<b>one" not in text
    assert "&lt;b&gt;one" in text
    assert MPAN.decode() not in text


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (MPAN.decode(), ["one"]),
        ("D0004", ["two"]),
        ("0000000002", ["two"]),
        ("f" * 64, []),
        ('"><script>alert(1)</script>', []),
    ],
)
def test_it_searches(world: World, search: str, found: list[str]) -> None:
    text = page(world, search)
    rows = text.split("<h2>Found</h2>")[1].split("<h2>Events")[0]
    assert [name for name in ("one", "two") if f"{name}" in rows.replace("None", "")] == found
    assert "<script>" not in text


@pytest.fixture
def port() -> Iterator[int]:
    server = make_server(lambda words: f"<p>page {words}", token="sesame", port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(
    port: int, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), dict(answer.getheaders())
    connection.close()
    return found


def test_only_the_token_opens_it(port: int) -> None:
    assert ask(port, "/")[0] == 403
    assert ask(port, "/?token=wrong")[0] == 403
    assert ask(port, "/", {"Cookie": "dflow=wrong"})[0] == 403
    assert ask(port, "/", {"Cookie": "\x7f;;==,"})[0] == 403
    status, _, headers = ask(port, "/?token=sesame")
    assert (status, headers["Location"]) == (303, "/")
    assert "HttpOnly" in headers["Set-Cookie"]
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    status, text, headers = ask(port, "/?q=D0010", cookie)
    assert (status, text) == (200, "<p>page D0010")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ask(port, "/etc/passwd", cookie)[0] == 404
    assert ask(port, "/", {**cookie, "Host": "evil.example"})[0] == 421
    assert ask(port, "/", cookie, method="POST")[0] == 501
