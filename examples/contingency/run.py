"""A failure of the hub from the working model to the report: an hour of a made-up morning.

Run it: ``python examples/contingency/run.py``.  It writes below ``out/`` beside itself,
which it empties first.  Every message, meter point, name and reference is made up; so are
the names of a message's body, which are not published.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from dflow.cli import main
from dflow.contingency import write_message

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
DAY = "2026-06-01"
ASKED = 20


def message(code: str, tx: str, mprn: str, time: str, reason: str = "") -> None:
    """Put a message into the inbox."""
    request = code == "017"
    header = {
        "MessageTypeCode": code,
        "SenderID": "SUP" if request else "NET",
        "RecipientID": "NET" if request else "SUP",
        "TxRefNbr": tx,
        "MarketTimestamp": f"{DAY}T{time}+01:00",
        "VersionNumber": "0",
    }
    values = {"MPRN": mprn} | ({"ReasonNameNotKnown": reason} if reason else {})
    content = write_message(header, body=f"MIM{code}_NameNotKnown", values=values)
    (OUT / "inbox" / f"{code}-{tx}.xml").write_bytes(content)


def meter(number: int) -> str:
    """A made-up meter point."""
    return f"100{number:08d}"


def ask() -> None:
    """A morning's requests: every third disconnects, one of them somebody on life support."""
    for number in range(ASKED):
        reason = "D05" if number % 3 == 2 else "E05"
        mprn = "10099999999" if number == 5 else meter(number)
        message("017", f"TX{number:03d}", mprn, f"09:{40 + number // 2}:00", reason)
    # A disconnection that waits, and a payment that came after it.
    message("017", "TX090", meter(2), "09:55:00", "E05")


def answer() -> None:
    """Networks answer what the hub took."""
    for number, path in enumerate(sorted((OUT / "hub").glob("017-*.xml"))):
        words = path.read_text("utf-8")
        mprn = words.split('MPRN="')[1].split('"')[0]
        code = "106E" if '"E05"' in words else "106D"
        message(code, f"AN{number:03d}", mprn, "10:58:00")


def say(*words: str) -> None:
    """Run a command and show it."""
    shown = " ".join(f"'{word}'" if " " in word else word for word in words)
    print(f"\n$ dflow contingency {shown}\n".replace(str(OUT), "out"))
    status = main(["contingency", words[0], str(HERE / "chain.toml"), *words[1:]])
    if status:
        sys.exit(status)


def at(time: str) -> tuple[str, str]:
    """The clock of a command."""
    return "--at", f"{DAY}T{time}"


def run() -> None:
    """The whole story."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "inbox").mkdir(parents=True)
    (HERE / "chain.toml.ledger").unlink(missing_ok=True)
    desk = ("--who", "night desk")
    say("plan", *at("09:00"), "--html", str(OUT / "plan.html"))
    page = ("--html", str(OUT / "rehearsal.html"))
    say("rehearse", *at("09:00"), "--requests", "100", *page)
    # The hub gives no receipts any more; what comes is clocked, and waits.
    say(
        "run", "--open", "7", "--since", f"{DAY}T09:41", *desk, "--why", "no receipts", *at("09:50")
    )
    ask()
    say("run", "--once", *at("09:56"))
    # Some have waited for 45 minutes: they are done by phone.
    say("run", "--once", *at("10:26"))
    for tx in ("TX000", "TX001"):
        call = ("--channel", "phone", "--reference", f"call about {tx}", *desk)
        say("run", "--by-hand", tx, *call, *at("10:30"))
    say("status", "--about", "TX000", *at("10:31"))
    # The hub works again: reconnections go first, disconnections last.
    say("run", "--close", "F1", *desk, "--why", "receipts again", *at("10:50"), "--once")
    answer()
    say("run", "--once", *at("10:59"))
    seen = ("--reference", "seen in the system", "--who", "back office")
    say("run", "--confirm", "B1-B4", *seen, *at("11:30"))
    (OUT / "counts.csv").write_text(f"day,type,count\n{DAY},017,17\n", "utf-8")
    pages = ("--html", str(OUT / "report.html"))
    say("report", "--counts", str(OUT / "counts.csv"), *at("12:00"), *pages)


if __name__ == "__main__":
    run()
