"""The status page: for who has the token, without payloads, and it changes nothing."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dflow.exchange import Mount, open_journal, serve
from dflow.exchange.journal import LaneRow, content_hash
from dflow.exchange.page import status_page
from dflow.exchange.serve import make_server, page_address
from support_exchange import Moody, World, file

MPAN = b"1099000000010"
ONLY_OLD = 'destination old "the old agent"\nroute all: flow D0010 to M/OLDM deliver old\n'


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
    assert "something waits for a person: 1 unrouted, 1 dead delivery<" in text
    assert re.search('<td class="bad"[^>]*>dead</td>', text)
    assert re.search('<td class="bad"[^>]*>unrouted</td>', text)
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
        ("d0004", ["two"]),
        ("D0004002", ["two"]),
        ("D0004 v002", ["two"]),
        ("D0004001", []),
        ("f" * 64, []),
        (content_hash(file(2, flow="D0004")).upper(), ["two"]),
        (content_hash(file(2, flow="D0004"))[:8], ["two"]),
        ('"><script>alert(1)</script>', []),
    ],
)
def test_it_searches(world: World, search: str, found: list[str]) -> None:
    text = page(world, search)
    rows = text.split("<h2>Found</h2>")[1].split("</section>")[0]
    assert [name for name in ("one", "two") if f"{name}" in rows.replace("None", "")] == found
    assert "<script>" not in text


@contextlib.contextmanager
def served(token: str) -> Iterator[int]:
    server = make_server(lambda words: f"<p>page {words}", token=token, port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    with served("sesame") as number:
        yield number


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
    assert ask(port, "/", cookie, method="POST")[0] == 405


def test_a_token_may_hold_anything_and_does_not_stand_in_the_cookie() -> None:
    for token in ("a b;c", "caf\u00e9\u2026", "a&b=c#d", "x\r\nSet-Cookie: y=z", 'q"uote'):
        with served(token) as port:
            path = page_address(port, token).partition(str(port))[2]
            status, _, headers = ask(port, path)
            assert (status, headers["Location"]) == (303, "/")
            assert token not in headers["Set-Cookie"]
            assert headers["Cache-Control"] == "no-store"
            assert headers["Set-Cookie"].count("=") == 3  # its own, SameSite and Path
            assert ask(port, "/", {"Cookie": headers["Set-Cookie"].split(";")[0]})[0] == 200
            assert ask(port, "/", {"Cookie": f"dflow-{port}={port}"})[0] == 403


@pytest.mark.parametrize("beside", ['prefs={"a":1}', "a b=c", "\xff=1", "=", "dflow=other"])
def test_other_programs_cookies_do_not_lock_a_reader_out(port: int, beside: str) -> None:
    cookie = ask(port, "/?token=sesame")[2]["Set-Cookie"].split(";")[0]
    assert ask(port, "/", {"Cookie": f"{beside}; {cookie}"})[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET http://[ HTTP/1.0", b"400"),
        (b"GET /?" + b"a&" * 5000 + b" HTTP/1.0", b"400"),
        (b"GET /?q=" + b"a" * 70_000 + b" HTTP/1.0", b"414"),
        (b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n" + b"a: b\r\n" * 200, b"431"),
        (b"GET /" + b"../" * 50 + b"etc/passwd HTTP/1.0", b"403"),
        (b"GET /?token=%ff\xff HTTP/1.0", b"403"),
        (b"<b>1212345678902</b> / HTTP/1.0", b"405"),
        (b"HEAD / HTTP/1.0", b"405"),
        (b"nonsense", b"400"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_odd_requests_get_few_words_and_leave_none(
    port: int, capfd: pytest.CaptureFixture[str], request_: bytes, status: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request_ + b"\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while more := client.recv(65536):
            answer += more
    assert status in answer[:16] or (status == b"400" and b"cannot be read" in answer)
    assert b"<" not in answer
    assert b"1212345678902" not in answer.partition(b"\r\n\r\n")[2]
    assert capfd.readouterr().err == ""


def test_a_client_that_is_slow_or_goes_away_is_let_go_of_without_a_word(
    port: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_PATIENCE", 0.1)  # of one that drips
    with socket.create_connection(("127.0.0.1", port), timeout=5) as drips:
        drips.sendall(b"GET / HT")
        assert ask(port, "/")[0] == 403, "others are answered meanwhile"
        begun = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert drips.recv(1) == b""
        assert time.monotonic() - begun < 4
    for _ in range(3):
        gone = socket.create_connection(("127.0.0.1", port), timeout=5)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.sendall(b"GET / HTTP/1.0\r\n\r\n")
        gone.close()  # with a reset
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


def test_the_page_says_how_many_there_are_and_cuts_long_names(world: World) -> None:
    world.mounts[0].outbox.mood = "refuses"  # type: ignore[attr-defined]  # it is a Moody
    for number in range(10, 40):
        world.inbox.put(file(number), name=f"{number}-{'x' * 200}.usr")
    world.inbox.put(b"junk", name="\u202ejunk\x1b[2J")
    for number in range(40, 100):
        world.inbox.put(file(number, flow="D0019"), name=f"{number}")
    world.run()
    text = page(world)
    assert "<h2>Dead letters <small>the newest 20 of 31</small></h2>" in text
    assert "something waits for a person: 1 unrouted, 1 unparsable, 31 dead deliveries" in text
    assert re.search(r">39-x{20,}\u2026x{11}\.usr</td>", text)
    waiting = text.split("Files that wait for a person")[1].split("<h2>")[0]
    assert "two.usr" in waiting, "also what is older than the last decisions"
    assert "\ufffdjunk\ufffd[2J" in waiting
    world.journal.set_lane(LaneRow(destination="quiet", paused=True))
    shown = status_page(world.journal, ["quiet"], now=world.clock.now)
    assert re.search("quiet</td><td[^>]*>paused</td><td[^>]*>nothing waits</td>", shown)


def test_the_numbers_that_are_missing_are_shown_until_they_come(world: World) -> None:
    journal = world.journal
    title = "Senders with missing file sequence numbers"
    for number in (6, 8, 9, 12):
        journal.sequence("X/<i>WEST", "N/1212345678902", number)
    cells = re.findall("<td[^>]*>([^<]*)</td>", page(world).split(title)[1].split("<h2>")[0])
    assert cells == ["X/&lt;i&gt;WEST", "N/12\u20262", "7, 10 to 11", "3", "12"]
    for number in (7, 10, 11):
        journal.sequence("X/<i>WEST", "N/1212345678902", number)
    assert title not in page(world)
    for pair in range(21):
        for number in (1, 3):
            journal.sequence(f"X/{pair:02}", "N/NADA", number)
    shown = page(world).split(f"{title} <small>the first 20 of 21</small>")[1].split("<h2>")[0]
    assert shown.count("<tr>") == 21, "a head and twenty"


def test_a_destination_without_a_mount_is_named_as_such() -> None:
    down = Mount(name="old", outbox=Moody("down"))
    here = World(rules=ONLY_OLD, mounts=(down,))
    here.inbox.put(file(1), name="one.usr")
    here.run()
    shown = status_page(here.journal, [], now=here.clock.now)
    verdict = "something waits for a person: 1 destination without a mount"
    assert f'<p class="bad">{verdict}</p>' in shown
    assert re.search('old</td><td class="bad"[^>]*>no mount</td><td[^>]*>retrying</td>', shown)


def test_an_empty_exchange_says_so() -> None:
    text = status_page(open_journal(None), [], now=0.0, search="nosuch")
    assert "nothing waits for a person" in text
    assert "nothing is known by that" in text
    assert text.count('<p class="faint">none yet</p>') == 2
