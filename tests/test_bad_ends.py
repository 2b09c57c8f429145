"""An end that cannot be used is told in one line, and the delivery waits in the journal.

All of it as a user would: a `dflow.toml`, `dflow mounts check`, `dflow run --once`, and once
somebody has mended it, `dflow run --once` again.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from bad_end import SECRETS, Bad, Lines
from bad_ends import BAD_ENDS
from dflow.cli import main
from dflow.exchange import load_wiring
from dflow.exchange.journal import Query
from support_exchange import file

CONFIG = """\
[journal]
url = "sqlite:///journal.db"
[routes]
file = "x.routes"
[source.here]
transport = "directory"
path = "in"
settle = 0
[mount.there.retry]
first = 0.001
jitter = 0
[mount.there]
"""
RULES = 'destination there "there"\nroute all: flow D0010 deliver there\n'


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def configured(folder: Path, lines: Lines) -> str:
    path = folder / "dflow.toml"
    told = "".join(f"{name} = {_toml(value)}\n" for name, value in lines.items())
    path.write_text(CONFIG + told)
    return str(path)


def delivery(config: str) -> tuple[str, str]:
    """The state of the only delivery, and the reason for it."""
    journal = load_wiring(Path(config)).open_journal()
    try:
        (row,) = journal.deliveries(Query())
        return row.state.value, row.reason
    finally:
        journal.close()


def story(bad: Bad, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Wrong, told, waiting; mended, told, delivered.  All that was printed."""
    wrong = configured(folder, bad.wrong)
    assert main(["mounts", "check", wrong]) == (1 if bad.seen else 0)
    said = capsys.readouterr().out
    mount = next(line for line in said.splitlines() if line.startswith("mount there"))
    if bad.seen:
        assert bad.words in mount
        assert len(said.splitlines()) == 2
    main(["run", wrong, "--once", "--log", "text", "--log-level", "debug"])
    state, reason = delivery(wrong)
    assert state in {"retrying", "unknown"}  # unknown is asked about, and then sent again
    assert bad.words in reason
    assert "\n" not in reason
    bad.mend()
    right = configured(folder, bad.right)
    assert main(["mounts", "check", right]) == 0
    end = time.monotonic() + 20
    while delivery(right)[0] != "delivered" and time.monotonic() < end:
        main(["run", right, "--once", "--log", "text", "--log-level", "debug"])
        time.sleep(0.02)
    assert delivery(right)[0] == "delivered", delivery(right)
    out, err = capsys.readouterr()
    shown = [repr(load_wiring(Path(one))) for one in (wrong, right)]
    print(f"\n  {mount}\n  waits: {reason}")
    return "\n".join((said, out, err, *shown))


@pytest.mark.parametrize("case", BAD_ENDS)
def test_it_is_told_and_the_delivery_waits_until_it_is_mended(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, server = tmp_path / "exchange", tmp_path / "server"
    (folder / "in").mkdir(parents=True)
    server.mkdir()
    (folder / "x.routes").write_text(RULES)
    (folder / "in" / "1.usr").write_bytes(file(1))
    with BAD_ENDS[case](server) as bad:
        caplog.set_level(logging.DEBUG)
        hidden = {**SECRETS, **bad.more}
        for name, value in {**hidden, "GUEST": "guest"}.items():
            monkeypatch.setenv(name, value)
        shown = story(bad, folder, capsys)
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in hidden.values():
        assert secret not in shown + caplog.text
        assert secret.encode() not in kept
