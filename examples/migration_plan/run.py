"""A migration plan from paper to report: planned, rehearsed, run for three days, compared.

Run it: ``python examples/migration_plan/run.py``.  It writes below ``out/`` beside itself,
which it empties first.  Every file and number is made up.
"""

from __future__ import annotations

import random
import shutil
import sys
from datetime import date
from pathlib import Path

from dflow.catalogue import bundled
from dflow.cli import main
from dflow.envelope import Party
from dflow.generator import GeneratedFile, generate, header_for
from dflow.identifiers import mpan_check_digit

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
DAYS = (date(2026, 6, 15), date(2026, 6, 16), date(2026, 6, 17))
#: So many files come each morning; the limits of these days allow far fewer.
A_MORNING = 120


def arrive(day: date, chance: random.Random) -> None:
    """Put a morning's migrations into the inbox: more than may begin on a day."""
    definition = bundled()["D0010", "002"]
    for number in range(A_MORNING):
        seed = day.toordinal() * 1000 + number
        twelve = f"{chance.choice(['12', '20'])}{seed % 10**10:010d}"
        header = header_for(
            definition,
            seed=seed,
            sender=Party("X", chance.choice(["SUPB", "SUPC"])),
            recipient=Party("D", "READ"),
            test_flag="OPER",
        )
        mpans = (twelve + mpan_check_digit(twelve),)
        made = GeneratedFile(definition=definition, header=header, seed=seed, mpans=mpans)
        (OUT / "inbox" / f"{seed}.usr").write_bytes(b"".join(generate(made)))


def say(*words: str) -> None:
    """Run a command and show it."""
    print(f"\n$ dflow migration {' '.join(words)}\n")
    status = main(["migration", words[0], str(HERE / "plan.toml"), *words[1:]])
    if status:
        sys.exit(status)


def run() -> None:
    """The whole story."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "inbox").mkdir(parents=True)
    (HERE / "plan.toml.ledger").unlink(missing_ok=True)
    chance = random.Random(7)  # noqa: S311  made-up files that can be made again
    say("plan", "--at", "2026-05-01", "--html", str(OUT / "plan.html"))
    say("rehearse", "--at", "2026-05-01", "--html", str(OUT / "rehearsal.html"))
    for day in DAYS:
        arrive(day, chance)
        say("run", "--once", "--at", f"{day}T09:00")
    say("report", "--at", f"{DAYS[-1]}T18:00", "--html", str(OUT / "report.html"))


if __name__ == "__main__":
    run()
