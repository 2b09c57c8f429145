"""A clone campaign from plan to switch-off, over three months of made-up traffic.

Run it: ``python examples/campaign/run.py``.  It writes below ``out/`` beside itself, which
it empties first.  ``--points 10000`` is the size at which dflow is judged; 300 is quick.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import sqlite3
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dflow.campaign import Campaign, load_campaign, run_campaign
from dflow.campaign.seeing import opened
from dflow.campaign.traffic import Made, made_up_points, made_up_traffic
from dflow.cli import main
from dflow.operation import SetClock

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
FILE = OUT / "campaign.toml"
FIRST = date(2026, 2, 20)  # nine days before the clone exists
DAYS = 94


def told(*words: str, well: int = 0) -> str:
    """What a command prints; another status than `well` ends the example."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        status = main(["campaign", words[0], str(FILE), *words[1:]])
    if status != well:
        sys.exit(f"{text.getvalue()}\nstatus {status}, not {well}")
    return text.getvalue()


def say(*words: str, well: int = 0) -> None:
    """Run a command and show it."""
    shown = " ".join(word.replace(str(OUT), "out") for word in words[1:])
    print(f"\n$ dflow campaign {words[0]} campaign.toml {shown}\n")
    print(told(*words, well=well))


def prepare(points: int) -> None:
    """A fresh folder: the configuration, a portfolio, empty inboxes."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "inbox").mkdir(parents=True)
    for name in ("dflow.toml", "market.routes", "campaign.toml"):
        shutil.copy(HERE / name, OUT / name)
    mpans = "\n".join(made_up_points(points))
    (OUT / "portfolio.csv").write_text(f"mpan\n{mpans}\n", "utf-8")


def pass_by(instant: datetime) -> None:
    """The exchange takes what is there, as it did before there was a campaign."""
    with opened(load_campaign(FILE)) as (wiring, journal):
        exchange = wiring.exchange(journal)
        exchange.clock = instant.timestamp
        exchange.run_once()


def delete_behind_its_back(number: int) -> set[str]:
    """Some copies go from the folder, some from the journal's table, some from both."""
    kept = sorted(path for path in (OUT / "new-agent").glob("*.usr"))
    step = max(1, len(kept) // number)
    gone = kept[::step][:number]
    for path in gone[::2]:
        path.unlink()  # and of every fourth the row as well
    with contextlib.closing(sqlite3.connect(OUT / "journal.db")) as base, base:
        for path in (*gone[1::2], *gone[::4]):
            base.execute(
                "DELETE FROM attempt WHERE delivery IN"
                " (SELECT id FROM delivery WHERE place = ? AND destination = 'new-agent')",
                (path.name,),
            )
            base.execute(
                "DELETE FROM delivery WHERE place = ? AND destination = 'new-agent'", (path.name,)
            )
    return {path.name for path in gone}


def named_missing(report: str) -> set[str]:
    """The files that a report in JSON names as missing."""
    sections = {one["title"]: one["blocks"] for one in json.loads(report)["sections"]}
    (table,) = (one for one in sections["What is missing"] if one["kind"] == "table")
    return {row[0] for row in table["rows"]}


def run(points: int, batch: int, deleted: int) -> None:
    """The whole story."""
    prepare(points)
    campaign = load_campaign(FILE)
    traffic: dict[int, list[Made]] = defaultdict(list)
    for one in made_up_traffic(campaign, campaign.portfolio, start=FIRST, days=DAYS, batch=batch):
        traffic[(one.day - FIRST).days // 9].append(one)
    for week in sorted(traffic):
        for one in traffic[week]:
            (OUT / "inbox" / one.name).write_bytes(one.content)
        evening = FIRST + timedelta(days=9 * week + 8)
        now = datetime(evening.year, evening.month, evening.day, 18, tzinfo=UTC)
        if now < campaign.start:
            pass_by(now)
            say("plan", "--at", "2026-02-28T19:00", "--html", str(OUT / "plan.html"))
            say("rehearse", "--at", "2026-02-28T19:00", "--html", str(OUT / "rehearsal.html"))
        else:
            run_campaign(campaign, SetClock(now))
        if week == len(traffic) // 2:
            say("status", "--at", now.isoformat())
    say("report", "--at", "2026-05-30T09:00", "--html", str(OUT / "complete.html"))
    gone = delete_behind_its_back(deleted)
    at = ("--at", "2026-05-30T10:00")
    say("report", *at, "--html", str(OUT / "missing.html"), well=1)
    if named_missing(told("report", *at, "--json", well=1)) != gone:
        sys.exit("the report does not name what was deleted")
    print(f"It named exactly the {len(gone)} copies that were deleted.")
    say("run", "--once", "--mend", "--why", "copies were deleted", "--at", "2026-05-30T11:00")
    say("run", "--accept", "--who", "A. Person", "--no-exchange", "--at", "2026-05-30T12:00")
    after(campaign)
    say("report", "--at", "2026-06-06T09:00", "--html", str(OUT / "report.html"))


def after(campaign: Campaign) -> None:
    """Files come after the switch-off: the old agent gets none of them."""
    had = len(list((OUT / "old-agent").glob("*.usr")))
    some = campaign.portfolio[:20]
    for one in made_up_traffic(campaign, some, start=date(2026, 6, 2), days=3, seed=2):
        (OUT / "inbox" / one.name).write_bytes(one.content)
    run_campaign(campaign, SetClock(datetime(2026, 6, 5, 18, tzinfo=UTC)))
    more = len(list((OUT / "old-agent").glob("*.usr"))) - had
    print(f"\nSince the cut-over the old agent has received {more} files.")
    if more:
        sys.exit("it should have been none")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=300, help="meter points (default: 300)")
    parser.add_argument("--batch", type=int, default=4, help="meter points a file, at most")
    parser.add_argument("--deleted", type=int, default=20, help="copies deleted (default: 20)")
    args = parser.parse_args()
    run(args.points, args.batch, args.deleted)
