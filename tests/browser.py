"""A headless browser that tests drive: addresses, forms, and what a person would read.

In: what to do.  Out: texts.  Chromium is spoken to over a pipe, by its own protocol; no
library is needed for so little.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from services import program

_SECONDS = 30.0


@define(eq=False)
class Browser:
    """One page of a running browser."""

    _to: int
    _back: int
    _session: str = ""
    _number: int = 0
    _rest: bytes = b""
    _heard: list[dict[str, object]] = field(factory=list)
    _seen: set[object] = field(factory=set)
    """The documents there were; the browser tells of them again, and late."""

    def attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        made = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(made["sessionId"])
        self.call("Page.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self._seen.add(self._document())

    def _document(self) -> object:
        """The document that the page shows now."""
        tree = self.call("Page.getFrameTree")["frameTree"]
        assert isinstance(tree, dict)
        return tree["frame"]["loaderId"]

    def call(self, method: str, **parameters: object) -> dict[str, object]:
        """One command and its answer."""
        number = self._say(method, **parameters)
        while (answer := self._next()).get("id") != number:
            self._heard.append(answer)
        assert "error" not in answer, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def _say(self, method: str, **parameters: object) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._number

    def _next(self) -> dict[str, object]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            more = os.read(self._back, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found

    def _loaded(self) -> None:
        """Wait until a document that was not there before has come whole."""
        while True:
            for one in self._heard:
                told = one.get("params")
                if one.get("method") != "Page.lifecycleEvent" or not isinstance(told, dict):
                    continue
                if told["name"] == "load" and told["loaderId"] not in self._seen:
                    self._seen.add(told["loaderId"])
                    self._heard.clear()
                    return
            self._heard.clear()
            self._heard.append(self._next())

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)
        self._loaded()

    def ask(self, script: str) -> str:
        """The text that a script in the page gives."""
        found = self.call("Runtime.evaluate", expression=script)["result"]
        assert isinstance(found, dict)
        return str(found.get("value"))

    def read(self) -> str:
        """What a person reads on the page."""
        return self.ask("document.body.innerText")

    def search(self, words: str) -> None:
        """Type into the page's one field, and press Enter."""
        self.ask("document.querySelector('input').focus(), document.activeElement.select(), ''")
        self.call("Input.insertText", text=words)
        for kind in ("keyDown", "keyUp"):
            enter = {"key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
            # Who presses a key on a page that goes away may never be answered.
            self._say("Input.dispatchKeyEvent", type=kind, **enter)
        self._loaded()


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser without a window, whose files lie in a folder."""
    path = program("chromium", "chromium-browser", "google-chrome")
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()

    def pipes() -> None:
        os.dup2(to_read, 103)
        os.dup2(back_write, 104)
        os.dup2(103, 3)
        os.dup2(104, 4)

    process = subprocess.Popen(
        [
            path,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
        ],
        preexec_fn=pipes,  # noqa: PLW1509  the browser wants handles 3 and 4
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(back_write)
    page = Browser(to_write, back_read)
    try:
        page.attach()
        yield page
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # it was asked about nothing any more
            process.wait()
        os.close(to_write)
        os.close(back_read)
