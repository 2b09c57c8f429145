"""Importing does no work: nothing heavy comes along, nothing is opened, nobody is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from house.package import modules, name_of
from support import CHECKOUT

#: What `import dflow` must not bring: grammars, event loops, databases, networks, and the
#: libraries of transports.
_HEAVY = (
    "aio_pika",
    "argparse",
    "asyncio",
    "asyncssh",
    "hypothesis",
    "httpx",
    "lark",
    "logging",
    "nats",
    "obstore",
    "redis",
    "socket",
    "sqlite3",
    "ssl",
    "tomllib",
    "urllib.request",
    "xml",
)

_WATCH = """
import json, sys
events = []
def hook(event, arguments):
    if event.startswith(("socket.", "subprocess.", "sqlite3.", "os.system", "shutil.")):
        events.append([event, repr(arguments)])
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        name = str(arguments[0])
        writes = isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if name.endswith((".toml", ".routes", ".db", ".lark")) or writes and ".pyc" not in name:
            events.append([event, name])
sys.addaudithook(hook)
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(events))
"""


def _python(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_front_door_is_light() -> None:
    loaded = _python("-c", "import sys, dflow; print('\\n'.join(sys.modules))").split()
    bare = _python("-c", "import sys; print('\\n'.join(sys.modules))").split()
    brought = set(loaded) - set(bare)
    assert "dflow" in brought
    assert not brought & set(_HEAVY)


def test_importing_the_core_opens_nothing() -> None:
    core = [
        name
        for path in modules(private=True)
        if not (name := name_of(path)).startswith(("dflow.testing", "dflow.__main__"))
    ]
    assert "dflow.records" in core
    assert json.loads(_python("-c", _WATCH, *core)) == []


def test_the_watch_sees_an_opened_file(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("open('found.toml', 'w').close()\n", "utf-8")
    path = f"import os, sys; os.chdir({str(tmp_path)!r}); sys.path.insert(0, '.')\n"
    assert json.loads(_python("-c", path + _WATCH, "worker")) == [["open", "found.toml"]]
