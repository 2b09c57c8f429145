"""Runs the example afresh: a day on which the old agent's destination fails half-way.

Run it as often as you like: only the folder out/ is written, and it is made anew.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import time
from pathlib import Path

from dflow.cli import main

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
CONFIG = str(HERE / "dflow.toml")
AS_JSON = "--json" in sys.argv[1:]

told: dict[str, object] = {}


def dflow(*words: str, well: int = 0) -> str:
    """What a person would type; its text.  Another status than `well` ends the example."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        status = main([*words])
    if status != well:
        print(text.getvalue(), file=sys.stderr)
        sys.exit(f"dflow {' '.join(words)} ended with status {status}, not {well}")
    return text.getvalue()


def step(name: str, title: str, *words: str, well: int = 0, last: int = 0) -> None:
    """One command of the story: its title, then what it printed, or its last lines."""
    if AS_JSON:
        told[name] = json.loads(dflow(*words, "--json", well=well))
        return
    shown = " ".join(word.replace(str(HERE), "...") for word in words)
    lines = dflow(*words, well=well).splitlines()
    print(f"\n## {title}\n$ dflow {shown}")
    print("\n".join(lines[-last:] if last else lines))


def arrive(folder: str) -> None:
    """Files come into the gateway's inbox."""
    shutil.copytree(HERE / folder, OUT / "inbox", dirs_exist_ok=True)


def backlog() -> list[str]:
    """The files that wait for the old agent, in the order of their deliveries."""
    found = json.loads(dflow("journal", "list", CONFIG, "--json"))
    return [
        one["name"]
        for one in found
        for each in one["deliveries"]
        if each["destination"] == "old-agent" and each["state"] != "delivered"
    ]


def in_order_of_writing(names: list[str]) -> list[str]:
    """The same files, in the order in which they were written to the old agent's folder."""
    return sorted(names, key=lambda name: (OUT / "old-agent" / name).stat().st_mtime_ns)


def say(text: str) -> None:
    """A word between two commands."""
    if not AS_JSON:
        print(text)


def run() -> int:
    """The day."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "inbox").mkdir(parents=True)

    arrive("inbox")
    # Status 1 is right here: three of the files wait for a person, and are meant to.
    step("morning", "The morning: all is well", "run", CONFIG, "--once", well=1)

    old, away = OUT / "old-agent", OUT / "old-agent.away"
    old.rename(away)
    old.write_text("the share is not mounted")  # a file stands where the folder was
    arrive("afternoon")
    title = "The afternoon: the old agent's folder is gone, the copies go on"
    step("afternoon", title, "run", CONFIG, "--once", last=2)
    step("outage", "What waits, and since when", "status", CONFIG, well=1)
    waiting = backlog()
    say(f"copies at the new agent: {len(list((OUT / 'new-agent').rglob('*.usr')))}")

    old.unlink()
    away.rename(old)
    time.sleep(0.7)  # until the retries are due, as dflow.toml says
    title = "The evening: the folder is back, the backlog drains"
    step("evening", title, "run", CONFIG, "--once", last=2)
    for flow in ("D0010", "D0150"):
        ours = [name for name in waiting if name.startswith(flow)]
        if in_order_of_writing(ours) != ours:
            sys.exit(f"{flow} was not delivered in its order")
        say(f"{flow} in the order of arrival: {', '.join(name[-7:-4] for name in ours)}")

    held = json.loads(dflow("journal", "list", CONFIG, "--outcome", "held", "--json"))
    why = "the sender confirmed the readings by phone"
    dflow("release", CONFIG, str(held[0]["arrival"]), "--why", why)
    say(f"\nArrival {held[0]['arrival']}, which the check held, is released: {why}.")
    step("released", "It goes out, with its copy", "run", CONFIG, "--once", last=1)

    report = str(OUT / "evidence.html")
    title = "The audit: every original has its copy, byte for byte"
    step("audit", title, "clones", "audit", CONFIG, "migration", "--report", report, last=1)
    say(f"the evidence: {Path(report).relative_to(HERE)}")
    if AS_JSON:
        print(json.dumps({**told, "drained": waiting}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(run())
