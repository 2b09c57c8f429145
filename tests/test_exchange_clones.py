"""Clones: the audit finds every gap, the backfill closes them, once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.delivery import Breaker, Retry, State, Treatment
from dflow.envelope import read_header
from dflow.errors import DflowError, LookupMiss
from dflow.exchange import Mount, Operations, backfilling
from dflow.exchange.backfilling import backfill
from dflow.exchange.clones import Audit, audit, audit_page
from dflow.exchange.journal import (
    EventRow,
    JournalError,
    LaneRow,
    Query,
    SqliteJournal,
    content_hash,
)
from dflow.exchange.pruning import prune_in_parts
from dflow.parse import read
from support import CHECKOUT
from support_exchange import RULES, Moody, World, file

QUICK = Treatment(retry=Retry(first=1, jitter=0), breaker=Breaker(after=1000))


def world(rules: str = RULES) -> tuple[World, Moody, Moody]:
    old, new = Moody(), Moody()
    boxes = {"old": old, "new": new, "spare": Moody()}
    mounts = tuple(Mount(name=name, outbox=box, treatment=QUICK) for name, box in boxes.items())
    return World(mounts=mounts, rules=rules), old, new


def audited(here: World) -> Audit:
    now = here.clock.now
    intake = here.exchange().intake
    return audit(here.journal, intake, "migration", since=0, until=now + 1, clock=here.clock)


def filled(here: World) -> int:
    made = backfill(
        here.journal,
        here.exchange().intake,
        "migration",
        since=0,
        until=here.clock.now + 1,
        who="ann",
        why="the rule came late",
        clock=here.clock,
    )
    return len(made)


def test_the_old_agent_fails_half_way_and_the_audit_proves_the_copies() -> None:
    here, old, new = world()
    here.put(*[file(n) for n in range(5)])
    here.run()
    old.mood = "down"
    here.put(*[file(n) for n in range(5, 10)])
    here.run()
    assert len(new.kept) == 10, "the copies go on"
    found = audited(here)
    assert (len(found.lines), found.complete) == (10, True)
    assert {line.identical for line in found.lines} == {True}
    old.mood = "well"
    here.clock.now += 10
    here.run()
    assert len(old.kept) == 10


def test_gaps_are_listed_and_a_backfill_closes_them_once() -> None:
    without = RULES.replace("clone migration: flow D0010 to M/OLDM copy new", "")
    here, _, new = world(without)
    here.put(*[file(n) for n in range(4)], file(0), b"no flow")
    here.run()
    here.rules = RULES
    new.mood = "down"
    here.put(file(9))
    here.run()
    found = audited(here)
    assert [line.problem for line in found.gaps] == ["there is no copy"] * 4 + [
        "the copy is retrying"
    ]
    assert filled(here) == 4
    assert filled(here) == 0
    new.mood = "well"
    here.clock.now += 10
    here.run()
    assert audited(here).complete
    assert set(new.times.values()) == {1}
    kinds = [one.notes["kind"] for one in here.journal.deliveries(Query(kind="backfill"))]
    assert kinds == ["backfill"] * 4
    assert [one.detail for one in here.journal.events(kind="backfill")] == [
        "migration: 4 copies of arrivals 1 to 7",
        "migration: 0 copies of arrivals 1 to 7",
    ]


def test_a_copy_that_was_diverted_is_where_its_rule_says() -> None:
    here, *_ = world(RULES.replace("copy new", "copy new else spare"))
    here.journal.set_lane(LaneRow(destination="new", diverted=True))
    here.put(file(1))
    here.run()
    (line,) = audited(here).lines
    assert (line.destination, line.state, line.problem) == ("spare", "delivered", "")


@pytest.mark.parametrize("rules", ["then", "now"])
def test_a_copy_that_was_sent_again_in_place_of_another_is_there(rules: str) -> None:
    here, _, new = world()
    new.mood = "refuses"
    here.put(file(1))
    here.run()
    (gap,) = audited(here).gaps
    assert gap.problem == "the copy is dead"
    act = Operations(journal=here.journal, who="ann", why="their mistake", clock=here.clock)
    if rules == "now":
        act.cancel([gap.delivery or 0])
    new.mood = "well"
    intake = here.exchange().intake if rules == "now" else None
    act.replay(Query(arrival=1), intake, destination="new")
    (gap,) = audited(here).gaps
    assert gap.problem == "the copy is due"
    here.run()
    (line,) = audited(here).lines
    assert (line.state, line.identical, line.problem) == ("delivered", True, "")


def test_a_copy_keeps_no_original_back_that_comes_again_once_it_has_a_route() -> None:
    route = "route all: flow D0010 to M/OLDM deliver old else spare"
    here, old, new = world(RULES.replace(route, ""))
    here.put(file(1))
    here.run()
    here.put(file(1))
    here.run()
    here.rules = RULES
    here.put(file(1))
    here.run()
    here.put(file(1))
    here.run()
    rows = here.journal.arrivals(Query())
    told = [(row.outcome.value, row.repeat_of) for row in rows]
    assert told == [("unrouted", None), ("repeat", 1), ("routed", 1), ("repeat", 1)]
    assert (len(old.order), len(new.order)) == (1, 1)
    assert [line.problem for line in audited(here).lines] == ["", ""]


@pytest.mark.parametrize(
    ("said", "told"),
    [("1 arrival", "1 arrival"), ("1 arrivals", "1 arrival"), ("2 arrivals", "2 arrivals")],
)
def test_one_that_was_pruned_is_one_also_as_older_dflows_said_it(said: str, told: str) -> None:
    here, *_ = world()
    detail = f"{said} from before 2100-01-01T00:00:00.000+00:00"
    here.journal.note(EventRow(at=1.0, kind="pruned", detail=detail))
    assert f" The journal has forgotten {told} from " in audited(here).verdict


def test_what_a_salvage_could_not_read_is_not_proved() -> None:
    here, *_ = world()
    start = here.clock.now
    for number in range(1, 4):
        here.put(file(number))
        here.run()
        here.clock.now += 1000
    database = here.journal._connection
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("DELETE FROM delivery WHERE arrival = 2")
    database.execute("DELETE FROM arrival WHERE id = 2")
    salvaged = EventRow(at=here.clock.now, kind="salvaged", detail="payload 7 to 9, arrival 2")
    here.journal.note(salvaged)
    found = audited(here)
    assert (found.complete, found.gaps, found.lost.arrivals) == (False, (), 1)
    assert found.verdict.startswith("Not proved: 2 copies are there, and each was delivered. A ")
    assert " A salvage could not read up to 1 arrival from " in found.verdict
    intake = here.exchange().intake
    for since, until, known in ((start + 3000, 1e10, True), (start + 500, start + 1500, False)):
        part = audit(here.journal, intake, "migration", since=since, until=until)
        assert part.complete is known


def test_a_salvage_that_names_some_of_what_is_lost_leaves_all_before_unproved() -> None:
    here, *_ = world()
    detail = ", ".join(f"arrival {number}" for number in range(100, 140, 2))
    here.journal.note(EventRow(at=here.clock.now, kind="salvaged", detail=detail))
    found = audited(here)
    assert (found.complete, found.lost.more, found.lost.first) == (False, True, None)
    assert "could not read arrivals from the first to " in found.verdict


def test_what_was_pruned_is_not_proved() -> None:
    here, *_ = world()
    act = Operations(journal=here.journal, who="ann", why="old", clock=here.clock)
    here.put(file(1), file(2))
    here.run()
    assert not list(prune_in_parts(act, before=here.clock.now - 9))
    assert audited(here).complete
    then, here.clock.now = here.clock.now, here.clock.now + 100
    here.put(file(3))
    here.run()
    assert [one.arrivals for one in prune_in_parts(act, before=then + 50)] == [2]
    found = audited(here)
    assert (found.complete, found.gaps, found.forgotten.arrivals) == (False, (), 2)
    assert "has forgotten 2 arrivals" in found.verdict
    assert 'class="bad">Not proved: 1 copy is there, and was delivered' in audit_page(found)
    now = here.clock.now
    for since, until, known in ((then + 1, now + 1, True), (0, then, True), (then, now, False)):
        intake = here.exchange().intake
        some = audit(here.journal, intake, "migration", since=since, until=until)
        assert some.complete is known


def test_one_damaged_file_keeps_no_other_from_being_judged_sent_again_or_copied() -> None:
    before = RULES.replace("clone migration: flow D0010 to M/OLDM copy new", "")
    here, _, new = world(before)
    here.put(file(1), file(2))
    here.run()
    here.journal._connection.execute("UPDATE payload SET body = x'00' WHERE id = 1")
    here.rules = RULES
    assert filled(here) == 1
    here.run()
    assert len(new.kept) == 1
    (damaged, *rest) = audited(here).lines
    assert "is damaged" in damaged.problem
    assert [line.problem for line in rest] == [""]
    act = Operations(journal=here.journal, who="ann", why="they lost it", clock=here.clock)
    left: list[str] = []
    intake = here.exchange().intake
    made = act.replay(Query(), intake, destination="old", left=lambda _row, why: left.append(why))
    assert len(made) == 1
    assert "is damaged" in left[0]


def test_other_bytes_than_the_originals_are_seen() -> None:
    here, _, _ = world()
    here.put(file(1))
    here.run()
    here.journal._connection.execute("UPDATE delivery SET hash = 'f00' WHERE kind = 'copy'")
    assert [line.problem for line in audited(here).gaps] == ["the copy has other bytes"]


def test_the_page_escapes_what_comes_from_files() -> None:
    here, _, _ = world()
    here.inbox.put(file(1), name="<script>alert(1)</script>.usr")
    here.run()
    page = audit_page(audited(here))
    assert content_hash(file(1)) in page, "evidence names the whole hash"
    assert "Arrivals from the first to " in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Complete: the 1 copy was delivered." in page


def test_an_unknown_clone_names_the_near_one() -> None:
    here, _, _ = world()
    with pytest.raises(LookupMiss, match="did you mean migration"):
        audit(here.journal, here.exchange().intake, "migrtion", since=0, until=1)


BODY = """\
ZHV|0000000001|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|
026|1099000000010|V|
028|METER00001|R|
030|01|20260601000000|1.0|||T|N|
026|1199000000028|V|
028|METER00002|R|
030|01|20260601000000|2.0|||T|N|
ZPT|0000000001|6||2|20260601120000|
"""


def test_a_copy_is_readdressed_and_holds_only_the_matching_instances() -> None:
    rules = RULES.replace(
        "clone migration: flow D0010 to M/OLDM copy new",
        "list movers = 1199000000028\n"
        "clone migration: flow D0010 to M/OLDM where J0003 in movers, only matching instances\n"
        "                 copy new readdressed to M/NEWM\n",
    )
    here, old, new = world(rules)
    exchange = here.exchange()
    exchange.read_flow = read
    here.put(BODY.encode())
    exchange.run_once()
    (original,), (copy,) = old.kept.values(), new.kept.values()
    assert original.content == BODY.encode()
    lines = copy.content.decode().splitlines()
    header = read_header(lines[0].encode()).header
    assert header is not None
    assert str(header.recipient) == "M/NEWM"
    assert lines[1:] == [
        "026|1199000000028|V|",
        "028|METER00002|R|",
        "030|01|20260601000000|2.0|||T|N|",
        "ZPT|0000000001|3||1|20260601120000|",
    ]
    assert copy.notes["identical"] == "no"
    assert {one.state for one in here.journal.deliveries(Query())} == {State.DELIVERED}


def test_a_copy_that_cannot_be_made_costs_neither_the_original_nor_the_audit() -> None:
    rules = RULES.replace(
        "clone migration: flow D0010 to M/OLDM copy new",
        "list movers = 1199000000028\n"
        "clone migration: flow D0010 to M/OLDM where J0003 in movers, only matching instances\n"
        "                 copy new\n"
        "clone whole: flow D0010 to M/OLDM copy new\n",
    )
    here, old, new = world(rules)
    exchange = here.exchange()
    exchange.read_flow = read
    cut = BODY[: BODY.index("ZPT")].encode()
    here.put(cut, BODY.encode())
    exchange.run_once()
    assert [one.content for one in old.kept.values()] == [cut, BODY.encode()]
    assert len(new.kept) == 3, "another clone's copy, and both of the whole file"
    (event,) = here.journal.events(kind="copy not made")
    assert (event.arrival, event.detail) == (1, "migration")
    assert "the file is not whole" in event.why
    row = next(iter(here.journal.arrivals(Query(arrival=1))))
    assert row.outcome.value == "routed"
    assert "the file is not whole" in row.reason
    intake = here.exchange()
    intake.read_flow = read
    until = here.clock.now + 1
    found = audit(here.journal, intake.intake, "migration", since=0, until=until)
    assert [line.problem for line in found.lines] == [
        "no copy can be made: clone migration copies instances, and the file is not whole",
        "",
    ]
    assert audit(here.journal, intake.intake, "whole", since=0, until=until).complete
    made = backfill(
        here.journal, intake.intake, "migration", since=0, until=until, who="ann", why="again"
    )
    assert made == ()
    (event,) = here.journal.events(kind="backfill")
    assert event.detail == "migration: 0 copies of arrivals 1 to 2, 1 cannot be made"


def test_what_the_check_holds_has_not_passed_and_is_not_sent_by_a_backfill() -> None:
    without = RULES.replace("clone migration: flow D0010 to M/OLDM copy new", "")
    here, _, new = world(without)
    exchange = here.exchange()
    exchange.check = lambda content: "its counts are wrong" if b"|0000000001|" in content else ""
    here.put(file(1), file(2))
    exchange.run_once()
    here.rules = RULES
    assert filled(here) == 1
    here.run()
    assert [one.notes["original_file_id"] for one in new.kept.values()] == ["0000000002"]
    (gap,) = audited(here).gaps
    assert gap.problem == "the original is held, and not released"
    act = Operations(journal=here.journal, who="ann", why="asked by phone", clock=here.clock)
    act.release(gap.arrival, here.exchange().intake)
    here.run()
    assert audited(here).complete
    assert len(new.kept) == 2


@pytest.mark.parametrize("call", ["note", "add"])
def test_a_backfill_that_is_broken_off_has_told_what_it_made(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = RULES.replace("clone migration: flow D0010 to M/OLDM copy new", "")
    here, _, new = world(without)
    monkeypatch.setattr(backfilling, "_PART", 3)
    here.put(*[file(n, flow="D0004" if n > 6 else "D0010") for n in range(14)])
    here.run()
    here.rules = RULES
    intake, through = here.exchange().intake, getattr(SqliteJournal, call)
    left = {"note": 1, "add": 4}[call]

    def full(self: SqliteJournal, *args: object, **words: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise JournalError("the disk is full")
        return through(self, *args, **words)

    def made() -> int:
        return len(list(here.journal.deliveries(Query(kind="backfill"))))

    def told() -> list[tuple[str, str, str]]:
        return [(one.detail, one.who, one.why) for one in here.journal.events(kind="backfill")]

    with monkeypatch.context() as patch:
        patch.setattr(SqliteJournal, call, full)
        with pytest.raises(JournalError, match="full"):
            filled(here)
    assert made() == 3, "of the second part none"
    late = ("ann", "the rule came late")
    assert told() == [("migration: 3 copies of arrivals 1 to 3", *late)]
    assert filled(here) == 4
    assert [one for one, *_ in told()[1:]] == [
        "migration: 3 copies of arrivals 1 to 6",
        "migration: 1 copy of arrivals 7 to 9",
    ]
    assert (
        backfill(here.journal, intake, "migration", since=0, until=1, who="ann", why="none") == ()
    )
    assert told()[3:] == [("migration: 0 copies", "ann", "none")]
    here.run()
    assert len(new.kept) == 7


def test_a_window_that_ends_before_it_begins_proves_nothing() -> None:
    here, _, _ = world()
    intake = here.exchange().intake
    with pytest.raises(DflowError, match="ends before it begins: it is from 1970-01-01T00:00:09"):
        audit(here.journal, intake, "migration", since=9, until=1)
    with pytest.raises(DflowError, match="ends before it begins"):
        backfill(here.journal, intake, "migration", since=9, until=1, who="ann", why="late")
    assert here.journal.events(kind="backfill") == []
    assert "No file of this time was to be copied." in audit_page(audited(here))


def test_the_command_writes_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x"
    shutil.copytree(
        CHECKOUT / "examples" / "change_of_agent", folder, ignore=shutil.ignore_patterns("out")
    )
    shutil.copytree(folder / "inbox", folder / "out" / "inbox")
    config = str(folder / "dflow.toml")
    main(["run", config, "--once"])
    capsys.readouterr()
    report = tmp_path / "audit.html"
    # The file that the check held has no copy yet: a gap, until it is released.
    assert main(["clones", "audit", config, "migration", "--report", str(report)]) == 1
    assert "clone migration: 5 copies, 1 gap\n" in capsys.readouterr().out
    assert "Not complete: 1 of 5 copies is missing or not" in report.read_text("utf-8")
    assert main(["clones", "backfill", config, "migration", "--why", "cut-over"]) == 0
    assert capsys.readouterr().out == "0 copies due\n"
    held = next(line for line in audited_json(config, capsys) if line["problem"])
    assert main(["release", config, str(held["arrival"]), "--why", "confirmed by phone"]) == 0
    main(["run", config, "--once"])
    capsys.readouterr()
    assert main(["clones", "audit", config, "migration", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is True
    audit_ = ["clones", "audit", config, "migration"]
    for words, said in (
        (["--since", "2030-01-01", "--until", "2020-01-01"], "the window ends before it begins"),
        (["--report", str(tmp_path / "nowhere" / "x.html")], "x.html: No such file or directory"),
        (["--report", str(tmp_path)], "Is a directory"),
    ):
        assert main([*audit_, *words]) == 2
        assert said in capsys.readouterr().err
    assert main([*audit_, "--until", "2020-01-01"]) == 0
    assert "no file of this time was to be copied" in capsys.readouterr().out


def audited_json(config: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    main(["clones", "audit", config, "migration", "--json"])
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert isinstance(lines, list)
    return lines
