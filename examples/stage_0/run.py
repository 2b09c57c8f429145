"""Stage 0 from paper to account: found wanting, repaired, rehearsed, run, reconciled.

Run it: ``python examples/stage_0/run.py``.  It writes below ``out/`` beside itself, which
it empties first.  The rules are those of ``../dtc_12_5``; every participant, meter point
and file is made up, and the clock is set to each instant of the story.
"""

from __future__ import annotations

import csv
import shutil
from itertools import count
from pathlib import Path

from dflow.catalogue import bundled
from dflow.cli import main
from dflow.envelope import Header, Party, Trailer
from dflow.generator import GeneratedFile, generate, header_for
from dflow.identifiers import mpan_check_digit

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
PLAN = HERE / "plan.toml"
RULES = HERE.parent / "dtc_12_5" / "before.routes"
AREAS = """
destination area-xxxx  "XXXX, migration files and confirmations"
destination area-udms  "UDMS, migration files and confirmations"
"""
XXXX, UDMS, METER = Party("P", "XXXX"), Party("X", "UDMS"), Party("M", "METR")
NUMBERS = count(1)


def meter_point(number: int) -> str:
    """A made-up meter point with its check digit."""
    twelve = f"12{number:010d}"
    return twelve + mpan_check_digit(twelve)


def arrive(flow: str, version: str, sender: Party, recipient: Party, when: str) -> None:
    """A file comes to the gateway; one of a version of unknown structure has no body."""
    number = next(NUMBERS)
    definition = bundled().get(flow, version)
    header = Header(
        flow=flow,
        version=version,
        sender=sender,
        recipient=recipient,
        file_id=f"{number:010d}",
        created=when,
        test_flag="OPER",
    )
    trailer = Trailer(file_id=header.file_id, group_count=0, flow_count=0, completed=when)
    content = header.encode() + b"\n" + trailer.encode() + b"\n"
    if definition is not None and definition.groups:
        wanted = GeneratedFile(
            definition=definition, header=header, seed=number, mpans=(meter_point(number),)
        )
        content = b"".join(generate(wanted))
    (OUT / "inbox" / f"{number:04d}_{flow}_{version}.usr").write_bytes(content)


def say(*words: str, at: str) -> int:
    """Run a command and show it."""
    print(f"\n$ dflow cutover {' '.join(words)} --at {at}\n")
    return main(["cutover", words[0], str(PLAN), *words[1:], "--at", at])


def prepare() -> None:
    """The rules as they stood in April, and both sides' records."""
    shutil.rmtree(OUT, ignore_errors=True)
    for folder in ("inbox", "relations", "old-reports"):
        (OUT / folder).mkdir(parents=True)
    for name in ("ledger", "ledger.lock"):
        PLAN.with_name(f"{PLAN.name}.{name}").unlink(missing_ok=True)
    (OUT / "stage_0.routes").write_text(RULES.read_text("utf-8") + AREAS, "utf-8")
    for name, differs in (("enquiry", ""), ("registration", "3")):
        with (OUT / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("mpan", "meter", "provider"))
            for number in range(1, 13):
                provider = "MAPB" if str(number) == differs else "MAPA"
                if not (differs and number == 7):  # one record was lost on the way
                    writer.writerow((meter_point(number), f"S{number:05d}", provider))
    relations()


def relations() -> None:
    """Related meter points, as D0386 tells them; one file is wrong."""
    definition = bundled()["D0386", "001"]
    for number in (1, 2, 3):
        first, second = meter_point(number * 100), meter_point(number * 100 + 1)
        made = GeneratedFile(
            definition=definition,
            header=header_for(definition, seed=number, sender=XXXX, recipient=UDMS),
            seed=number,
            fixed={"J2243": first, "J2244": first if number == 3 else second},
        )
        (OUT / "relations" / f"D0386_{number}.usr").write_bytes(b"".join(generate(made)))


def before_the_day() -> None:
    """The old rules fail; the draft is written, and the rehearsal passes."""
    assert say("plan", at="2019-04-15T09:00") == 1
    assert say("rehearse", "--html", str(OUT / "failed.html"), at="2019-04-15T09:00") == 1
    say("plan", "--draft", "--html", str(OUT / "plan.html"), at="2019-04-15T09:30")
    assert say("rehearse", "--html", str(OUT / "rehearsal.html"), at="2019-06-13T09:00") == 0
    assert say("run", at="2019-06-20T09:00") == 0


def the_day() -> None:
    """Thursday: a system is upgraded before the gateway closes, another after it."""
    for _ in range(3):
        arrive("D0217", "002", XXXX, UDMS, "20190627140000")
    arrive("D0217", "001", XXXX, UDMS, "20190627140500")
    arrive("D0312", "001", METER, Party("L", "ENQS"), "20190627150000")
    say("run", "--exchange", at="2019-06-27T15:00")
    words = ("--who", "A. Person", "--why", "the report is there")
    say("run", "--done", "last-report", *words, at="2019-06-27T17:30")
    (OUT / "old-reports" / "D0312-2019-06-27.txt").write_text("made up\n", "utf-8")
    arrive("D0217", "002", XXXX, UDMS, "20190627181000")
    arrive("D0089", "001", XXXX, UDMS, "20190627181500")
    arrive("D0312", "002", METER, Party("L", "ENQS"), "20190627182000")
    arrive("D0312", "002", METER, XXXX, "20190627182500")
    arrive("D0271", "009", XXXX, UDMS, "20190627183000")
    say("run", "--exchange", at="2019-06-27T18:20")
    words = ("--who", "A. Person", "--why", "two functions are left")
    say("run", "--done", "restrict", *words, at="2019-06-27T18:25")


def the_weekend() -> None:
    """Friday to Monday: files placed and fetched, an outage, and what went wrong put right."""
    say("run", at="2019-06-28T10:10")
    for area in ("xxxx", "udms"):  # the parties come and fetch
        for path in (OUT / "areas" / area).glob("[!.]*"):
            path.unlink()
    say("run", at="2019-06-28T13:07")
    words = ("--who", "B. Person", "--why", "all users are out")
    say("run", "--begin", "deploy", *words, at="2019-06-28T18:00")
    words = ("--who", "B. Person", "--why", "after 51 minutes")
    say("run", "--done", "deploy", *words, at="2019-06-28T18:51")
    say("run", at="2019-06-29T09:00")
    say("run", at="2019-06-29T13:00")
    say("run", "--exchange", at="2019-06-30T10:00")
    say("run", at="2019-07-01T13:34")
    say("run", at="2019-07-01T17:05")


def run() -> None:
    """The whole story."""
    prepare()
    before_the_day()
    the_day()
    the_weekend()
    say("report", "--html", str(OUT / "report.html"), at="2019-07-01T17:30")


if __name__ == "__main__":
    run()
