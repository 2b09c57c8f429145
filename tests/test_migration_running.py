"""A migration under its gate: no limit is passed, whatever arrives and whatever dies."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.cli import main
from dflow.delivery import Breaker, Retry, State, Treatment
from dflow.errors import DflowError
from dflow.exchange import Exchange, Mount, Source, open_journal, open_postgres
from dflow.exchange.journal import Query
from dflow.migration import Calendar, Limit, MigrationGate, PartiesByAddress, Plan, Supplier
from dflow.operation import SetClock
from dflow.routing import Routes
from dflow.transport import MemoryInbox, Parcel, Receipt
from support_exchange import Moody
from support_postgres import database
from support_process import example, ran
from support_wiring import configured

START = date(2026, 6, 1)
LONDON = ZoneInfo("Europe/London")
RULES = "destination migration\nroute all: flow * deliver migration\n"
MPANS = {"12": "1212345678902", "20": "2011223344550"}


def file(number: int, supplier: str, network: str) -> bytes:
    return (
        f"ZHV|{number:010}|D0010002|X|{supplier}|D|READ|20260601060000||||OPER|\n"
        f"026|{MPANS[network]}|V|\nZPT|{number:010}|1||1|20260601060000|\n"
    ).encode()


def plan(industry: int | None, network: int | None, supplier: int | None) -> Plan:
    return Plan(
        name="p",
        start=START,
        end=START + timedelta(days=12),
        calendar=Calendar(),
        industry=Limit(name="industry", daily=industry),
        networks={name: Limit(name=f"network {name}", daily=network) for name in MPANS},
        suppliers={
            mpid: Supplier(
                mpid=mpid,
                limit=Limit(name=f"supplier {mpid}", daily=supplier),
                qualified=START + timedelta(days=late),
            )
            for mpid, late in (("SUPA", 0), ("SUPB", 2))
        },
    )


class Dated(Moody):
    """A moody destination that notes the day on which it took each parcel."""

    clock: SetClock
    days: dict[str, date]

    async def send(self, parcel: Parcel) -> Receipt:
        day = self.clock.now().astimezone(LONDON).date()
        before = set(self.kept)
        try:
            return await super().send(parcel)
        finally:
            for key in set(self.kept) - before:
                self.days[key] = day


limits = st.none() | st.integers(0, 4)
arrivals = st.lists(
    st.tuples(
        st.sampled_from(["SUPA", "SUPB", "SUPX"]),
        st.sampled_from(sorted(MPANS)),
        st.integers(0, 8),
        st.sampled_from(["well", "down", "lies", "breaks"]),
    ),
    max_size=25,
)


@pytest.mark.untraced
@settings(max_examples=25)
@given(limits, limits, limits, arrivals, st.sets(st.integers(0, 9)))
def test_a_run_under_quota_never_exceeds_a_limit(
    industry: int | None,
    network: int | None,
    supplier: int | None,
    coming: list[tuple[str, str, int, str]],
    crashes: set[int],
) -> None:
    bound = plan(industry, network, supplier)
    clock = SetClock(datetime(2026, 6, 1, 5, tzinfo=UTC))
    outbox = Dated()
    outbox.clock, outbox.days = clock, {}
    inbox, journal = MemoryInbox(), open_journal(None)
    gate = MigrationGate(plan=bound, parties=PartiesByAddress())
    treatment = Treatment(
        retry=Retry(first=60, jitter=0, give_up=None), breaker=Breaker(after=1000), concurrency=2
    )
    for day in range(8):
        for turn in range(3):
            now = day * 3 + turn
            for number, (who, where, when, mood) in enumerate(coming):
                if when == now:
                    inbox.put(file(number, who, where))
                    outbox.moods.append(mood)
            if now in crashes:  # what the gate knew is gone; the journal is not
                gate = MigrationGate(plan=bound, parties=PartiesByAddress())
            clock.set(datetime(2026, 6, 1 + day, 5 + 6 * turn, tzinfo=UTC))
            exchange = Exchange(
                routes=Routes.parse(RULES),
                journal=journal,
                mounts=[Mount(name="migration", outbox=outbox, treatment=treatment, gate=gate)],
                sources=[Source(name="in", inbox=inbox)],
                clock=lambda: clock.now().timestamp(),
            )
            asyncio.run(exchange.run(once=True))
    journal.close()
    went: Counter[tuple[date, str]] = Counter()
    for key, parcel in outbox.kept.items():
        day_of, who = outbox.days[key], parcel.address["sender"]
        where = "12" if MPANS["12"].encode() in parcel.content else "20"
        assert who != "SUPX"  # the plan does not know it
        for name in ("industry", f"network {where}", f"supplier {who}"):
            went[day_of, name] += 1
        assert bound.calendar.works(day_of)
        qualified = bound.suppliers[who].qualified
        assert qualified is not None
        assert day_of >= qualified
    caps = {"industry": industry, "network": network, "supplier": supplier}
    for (_, name), number in went.items():
        most = caps[name.split()[0]]
        assert most is None or number <= most


def test_what_may_have_gone_counts_and_what_the_plan_does_not_know_waits() -> None:
    journal, inbox = open_journal(None), MemoryInbox()
    outbox = Moody(moods=["lies"], mood="down")  # it took the first, and cannot be asked

    def run() -> None:
        gate = MigrationGate(plan=plan(1, None, None), parties=PartiesByAddress())
        Exchange(
            routes=Routes.parse(RULES),
            journal=journal,
            mounts=[Mount(name="migration", outbox=outbox, gate=gate)],
            sources=[Source(name="in", inbox=inbox)],
            clock=lambda: datetime(2026, 6, 1, 9, tzinfo=UTC).timestamp(),
        ).run_once()

    inbox.put(file(1, "SUPA", "12"))
    run()
    inbox.put(file(2, "SUPA", "12"))
    inbox.put(file(3, "SUPX", "12"))
    outbox.moods.append("well")
    run()
    assert len(outbox.kept) == 1
    rows = list(journal.deliveries(Query(destination="migration")))
    assert [(row.state, row.reason) for row in rows[1:]] == [
        (State.RETRYING, "industry: 1 on 2026-06-01, all used"),
        (State.RETRYING, "the plan has no supplier SUPX on 12"),
    ]
    journal.close()


def test_a_journal_of_several_workers_is_refused() -> None:
    """Each worker's gate would count for itself, and together they would pass the limits."""
    with database() as place:
        journal = open_postgres(place)
        gate = MigrationGate(plan=plan(1, None, None), parties=PartiesByAddress())
        with pytest.raises(DflowError, match="a journal of its own"):
            gate.begin(journal, "migration", 0.0)
        journal.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configured(tmp_path, RULES, {"migration": "out"})
    (tmp_path / "plan.toml").write_text(
        "[plan]\nstart = 2026-06-01\nend = 2026-06-13\nvolumes = 'v.csv'\n[industry]\ndaily = 3\n"
        "[network.12]\n[supplier.SUPA]\nqualified = 2026-06-01\n"
        "[exchange]\nconfig = 'dflow.toml'\ndestination = 'migration'\n[rehearsal]\nfiles = 30\n",
        "utf-8",
    )
    head = "day,supplier,network,volume\n"
    days = "".join(f"2026-06-0{day},SUPA,12,3\n" for day in range(1, 4))
    (tmp_path / "v.csv").write_text(head + days, "utf-8")
    for number in range(7):
        (tmp_path / "in" / f"{number}.usr").write_bytes(file(number, "SUPA", "12"))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    plain: dict[str, object] = json.loads(capsys.readouterr().out)
    return plain


def test_a_plan_from_paper_to_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan_file = str(folder / "plan.toml")
    assert main(["migration", "plan", plan_file, "--at", "2026-05-01", "--json"]) == 0
    assert said(capsys)["verdict"] == "The plan fits every limit on each of its 12 days."
    assert main(["migration", "rehearse", plan_file, "--at", "2026-05-01", "--json"]) == 0
    assert said(capsys)["tone"] == "good"
    sent = []
    for day in ("2026-06-01T09:00", "2026-06-01T17:00", "2026-06-02T09:00", "2026-06-03T09:00"):
        assert main(["migration", "run", plan_file, "--once", "--at", day]) == 0
        sent.append(len(list((folder / "out").glob("*.usr"))))
    assert sent == [3, 3, 6, 7]
    capsys.readouterr()
    assert main(["migration", "status", plan_file, "--at", "2026-06-03T18:00"]) == 0
    assert "1 went today, 0 wait." in capsys.readouterr().out
    page = folder / "report.html"
    words = ["migration", "report", plan_file, "--at", "2026-06-03T18:00", "--html", str(page)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "No limit was passed. 7 went, and 9 were planned up to 2026-06-03." in out
    assert "<svg" in page.read_text("utf-8")


def test_a_plan_over_its_limits_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "v.csv").write_text(
        "day,supplier,network,volume\n2026-06-02,SUPA,12,3\n2026-06-03,SUPA,12,4\n", "utf-8"
    )
    assert main(["migration", "plan", str(folder / "plan.toml")]) == 1
    out = capsys.readouterr().out
    assert "The plan is refused. 2026-06-03: industry allows 3, planned are 4, 1 too many." in out


def test_a_run_that_was_interrupted_says_where_it_stands(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_file = folder / "plan.toml"
    begun = {"at": "2026-06-01T09:00:00+01:00", "kind": "run begun"}
    (folder / "plan.toml.ledger").write_text(json.dumps(begun) + "\n", "utf-8")
    assert main(["migration", "status", str(plan_file), "--at", "2026-06-01T10:00"]) == 0
    assert (
        "The run that began 2026-06-01T09:00:00+01:00 was interrupted." in capsys.readouterr().out
    )
    assert main(["migration", "run", str(plan_file), "--once", "--at", "2026-06-01T11:00"]) == 0
    capsys.readouterr()
    assert main(["migration", "status", str(plan_file), "--at", "2026-06-01T12:00"]) == 0
    assert "interrupted" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "at", "why"),
    [
        ("", "2026-06-13T09:00", "the plan ended before 2026-06-13"),
        ("", "2026-05-30T09:00", "the clock shows"),
        ("destination = 'migraton'", "2026-06-02T09:00", "did you mean migration?"),
        ("gone", "2026-06-02T09:00", "the plan has no [exchange]"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_moves(
    folder: Path, change: str, at: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "plan.toml"
    text = path.read_text("utf-8")
    if change == "gone":
        text = text[: text.index("[exchange]")]
    elif change:
        text = text.replace("destination = 'migration'", change)
    path.write_text(text, "utf-8")
    later = {"at": "2026-06-01T09:00:00+01:00", "kind": "run ended"}
    (folder / "plan.toml.ledger").write_text(json.dumps(later) + "\n", "utf-8")
    assert main(["migration", "run", str(path), "--once", "--at", at]) == 2
    assert why in capsys.readouterr().err
    assert len(list((folder / "in").glob("*.usr"))) == 7


def test_the_example_runs(tmp_path: Path) -> None:
    copy = example("migration_plan", tmp_path)
    told = ran(copy / "run.py")
    assert "No limit was passed. 150 went, and 150 were planned up to 2026-06-17." in told
    assert {page.name for page in (copy / "out").glob("*.html")} == {
        "plan.html",
        "rehearsal.html",
        "report.html",
    }
