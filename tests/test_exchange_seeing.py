"""What an exchange tells of itself: logging, callbacks, OpenTelemetry, windows of rules."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dflow import exchange
from dflow.cli import main
from dflow.delivery import Breaker, Retry, Treatment
from dflow.exchange import Mount, Telemetry, load_wiring
from dflow.exchange.journal import EventRow
from dflow.exchange.logs import LEVELS, log_event, log_to
from dflow.exchange.scribe import Scribe
from dflow.exchange.seen import Arrived, Attempted, Depths, Seen
from dflow.exchange.windows import Calendar, next_change, turns
from dflow.routing import Routes
from support import CHECKOUT
from support_exchange import Moody, World, file
from support_wiring import configured

MPAN = b"1212345678902"


def world(old: Moody, rules: str = "") -> World:
    quick = Treatment(retry=Retry(first=1, jitter=0), breaker=Breaker(after=3, rest=5))
    boxes = {"old": old, "new": Moody(), "spare": Moody()}
    here = World(
        mounts=tuple(Mount(name=name, outbox=box, treatment=quick) for name, box in boxes.items())
    )
    here.rules += rules
    return here


def kinds(here: World, after: int = 0) -> list[str]:
    return [event.kind for event in here.journal.events(after=after)]


# -- logging -----------------------------------------------------------------------


def test_events_are_records_once_each_with_their_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = world(Moody("down"))
    with caplog.at_level(logging.INFO, logger="dflow.exchange"):
        here.put(file(1) + b"026|" + MPAN + b"|V|\n", b"no flow", *map(file, range(2, 6)))
        for _ in range(8):
            here.run()
            here.clock.now += 30
        old = here.mounts[0].outbox
        assert isinstance(old, Moody)
        old.mood = "well"
        here.run()
    told = [record.dflow_kind for record in caplog.records]  # type: ignore[attr-defined]  # the library gives no exact type
    assert told == kinds(here), "each event once, in order, and nothing between runs is left out"
    assert told.count("degraded") == told.count("recovered") == 1, "transitions, not repetitions"
    by_kind = dict(zip(told, caplog.records, strict=True))
    assert by_kind["degraded"].levelno == logging.WARNING
    assert by_kind["recovered"].levelno == logging.INFO
    assert vars(by_kind["degraded"])["dflow_destination"] == "old"
    assert vars(by_kind["unparsable"])["dflow_arrival"] == 2
    assert MPAN.decode() not in caplog.text


def test_a_record_stays_one_line_whatever_is_in_an_event() -> None:
    stream = io.StringIO()
    event = EventRow(at=1.0, kind="dead", destination="old", why="a\nb\x1b[2J")
    for form in ("text", "json"):
        with log_to(stream, form=form, level="warning"):
            log_event(event)
            log_event(EventRow(at=1.0, kind="paused"))
    log_event(event)
    text, line = stream.getvalue().splitlines()
    assert "ERROR dflow.exchange: dead (old): a\ufffdb\ufffd[2J" in text
    told = json.loads(line)
    assert (told["level"], told["kind"], told["destination"]) == ("error", "dead", "old")


def test_a_library_writes_nothing_unasked() -> None:
    program = (
        "import logging, sys, dflow.exchange\n"
        "from dflow.exchange.journal import EventRow\n"
        "from dflow.exchange.logs import log_event\n"
        "log_event(EventRow(at=1.0, kind='dead'))\n"
        "assert not logging.getLogger().handlers\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_command_and_the_configuration_say_who_watches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = "[observe]\nopentelemetry = true\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=watched)
    (tmp_path / "in" / "a.usr").write_bytes(b"no flow")
    (watcher,) = load_wiring(config).watchers
    assert isinstance(watcher, Telemetry)
    assert main(["run", str(config), "--once", "--log", "json", "--log-level", "warning"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["kind"], told["arrival"]) == ("warning", "unparsable", 1)


def test_every_line_of_a_running_command_is_json_if_asked(tmp_path: Path) -> None:
    config = configured(tmp_path, "discard all: flow D0010 during 2026-01-01 ..\n", {})
    with subprocess.Popen(
        [sys.executable, "-m", "dflow", "run", str(config), "--log", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src")},
    ) as running:
        assert running.stderr is not None
        first = json.loads(running.stderr.readline())
        running.terminate()
        out, err = running.communicate(timeout=20)
    assert running.returncode == 0
    assert first["message"] == "running; stop with Ctrl-C"
    assert [json.loads(line)["message"] for line in err.splitlines()] == ["stopped; received 0"]
    assert out == ""


def test_levels_are_of_kinds_that_exist() -> None:
    folder = Path(str(exchange.__file__)).parent
    source = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "logs.py")
    assert not [kind for kind in LEVELS if f'"{kind}"' not in source]


# -- watchers ----------------------------------------------------------------------


def test_watchers_are_told_and_one_that_fails_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = world(Moody(moods=["down"]))
    seen: list[Seen] = []

    def bad(_: Seen) -> None:
        raise RuntimeError("a mistake of the watcher")

    here.put(file(1))
    one = here.exchange()
    one.watchers = [bad, seen.append]
    one.run_once()
    assert sum(isinstance(one, Arrived) for one in seen) == 1
    steps = {one.delivery.destination: one.step.value for one in seen if isinstance(one, Attempted)}
    assert steps == {"old": "failed", "new": "accepted"}
    last = [one for one in seen if isinstance(one, Depths)][-1]
    assert [(one.destination, one.number) for one in last.backlog] == [("old", 1)]
    assert "a watcher of the exchange failed" in caplog.text


def test_a_callback_that_fails_harms_nobody_and_its_words_stay_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bad(_: object) -> None:
        raise KeyError("1212345678902")

    here = world(Moody())
    here.put(b"no flow", file(1))
    one = here.exchange()
    one.observe, one.watchers = bad, [bad]
    assert one.run_once().received == 2
    assert "a watcher of the exchange failed: KeyError at" in caplog.text
    assert "1212345678902" not in caplog.text


# -- OpenTelemetry -----------------------------------------------------------------


class Sdk:
    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.spans = InMemorySpanExporter()
        self.meters = MeterProvider([self.reader])
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))

    def metrics(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else []:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        given = sorted((point.attributes or {}).items())
                        key = " ".join(json.dumps(value).strip('"') for _, value in given)
                        value = getattr(point, "value", None)
                        count = point.count if value is None else value  # type: ignore[union-attr]  # the library gives no exact type
                        found.setdefault(metric.name, {})[key] = count
        return found


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    one = Sdk()
    yield one
    one.meters.shutdown()
    one.tracers.shutdown()


def test_metrics_and_spans_tell_of_arrivals_and_attempts(sdk: Sdk) -> None:
    here = world(Moody(moods=["down", "lies"]))
    here.put(file(1) + b"026|" + MPAN + b"|V|\n", b"no flow")
    watch = Telemetry.of(meter_provider=sdk.meters, tracer_provider=sdk.tracers)

    def run() -> None:
        one = here.exchange()
        one.watchers = [watch]
        one.run_once()
        here.clock.now += 10

    run()
    told = sdk.metrics()
    assert told["dflow.arrivals"] == {"routed gateway": 1, "unparsable gateway": 1}
    assert told["dflow.delivery.steps"] == {"old failed": 1, "new accepted": 1}
    assert told["dflow.queue.depth"]["old retrying"] == 1
    assert told["dflow.events"] == {"unparsable": 1}
    run()
    assert sdk.metrics()["dflow.queue.oldest_age"]["old retrying"] == 0, "no longer there"
    run()
    told = sdk.metrics()
    assert told["dflow.delivery.latency"] == {"old": 1, "new": 1}
    assert set(told["dflow.attempt.duration"]) >= {"old failed", "old lost", "old found"}
    assert all(number == 0 for number in told["dflow.queue.depth"].values())

    spans = sdk.spans.get_finished_spans()
    arrivals = {
        dict(one.attributes or {})["dflow.arrival"]: one
        for one in spans
        if one.name == "dflow arrival"
    }
    attempts = [one for one in spans if one.name == "dflow attempt"]
    assert len(arrivals) == 2
    assert len(attempts) == 4
    for one in attempts:
        (link,) = one.links
        assert one.attributes is not None
        original = arrivals[one.attributes["dflow.arrival"]].get_span_context()
        assert original is not None
        assert link.context.span_id == original.span_id
        failed = one.attributes["dflow.step"] in ("failed", "lost")
        assert (one.status.status_code is StatusCode.ERROR) == failed
    assert MPAN.decode() not in "".join(one.to_json() for one in spans)
    assert "usr" not in "".join(one.to_json() for one in spans), "no names of files"


# -- windows of rules --------------------------------------------------------------

TEMPORARY = """
clone move: flow D0010 to M/OLDM during 2026-06-01 .. 2026-07-01 copy spare
    because "a portfolio moves" owner "data migration"
hold early: flow D0217 during .. 2026-06-27 because "live then"
"""


def instant(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def temporary() -> World:
    here = world(Moody())
    here.rules = here.rules.replace("hold early: flow D0150\n", "") + TEMPORARY
    here.clock.now = instant("2026-05-01")
    return here


def test_a_temporary_clone_says_once_that_it_starts_and_ends() -> None:
    here = temporary()
    told: list[list[str]] = []
    for when in (
        "2026-05-01",
        "2026-05-31T22:59:59",  # the zone of the rules is an hour before UTC in summer
        "2026-05-31T23:00:00",
        "2026-06-02",
        "2026-06-30T22:59:59",
        "2026-06-30T23:00",
        "2026-08-01",
    ):
        here.clock.now = instant(when)
        after = here.journal.last_event()
        here.run()
        told.append(kinds(here, after))
    assert told == [
        ["hold started"],
        [],
        ["clone started"],
        [],
        ["hold ended"],
        ["clone ended"],
        [],
    ]
    start = here.journal.events(kind="clone started")[0]
    assert start.detail == "move"
    assert start.why == (
        "move: a portfolio moves (owner data migration); it ends 2026-07-01T00:00+01:00"
    )


def test_rules_that_are_swapped_end_what_they_no_longer_hold() -> None:
    here = temporary()
    here.clock.now = instant("2026-06-02")
    here.run()
    whole = here.rules
    here.rules = whole.split("clone move")[0]
    after = here.journal.last_event()
    here.run()
    here.run()
    assert kinds(here, after) == ["clone ended", "hold ended"]
    assert here.journal.events(kind="clone ended")[0].why == "move: it is no longer in the rules"
    here.rules = whole
    after = here.journal.last_event()
    here.run()
    assert kinds(here, after) == ["clone started", "hold started"]


def test_workers_that_share_a_journal_say_it_once() -> None:
    here = temporary()
    routes = Routes.parse(here.rules)

    async def scenario() -> None:
        scribe = Scribe(here.journal)
        workers = [
            Calendar(scribe=scribe, clock=here.clock, routes=lambda: routes) for _ in range(2)
        ]
        for when in ("2026-05-01", "2026-06-02", "2026-06-02", "2026-08-01"):
            here.clock.now = instant(when)
            await asyncio.gather(*(worker.turn() for worker in workers))
        scribe.stop()

    asyncio.run(scenario())
    assert kinds(here) == ["hold started", "clone started", "clone ended", "hold ended"]


def test_the_next_change_is_the_nearest_bound() -> None:
    routes = Routes.parse(temporary().rules)
    assert next_change(routes, instant("2026-05-01")) == instant("2026-05-31T23:00")
    assert next_change(routes, instant("2026-05-31T23:00")) == instant("2026-06-26T23:00")
    assert next_change(routes, instant("2026-06-30T23:00")) is None
    told = {("clone", "move"): True, ("hold", "early"): True}
    assert list(turns(routes, told, instant("2026-06-10"))) == []


def test_a_running_exchange_wakes_at_the_boundary_and_at_a_reload() -> None:
    here = temporary()
    start = instant("2026-05-31T23:00") - 0.3
    here.run()
    looks = 0

    async def scenario() -> None:
        nonlocal looks
        loop = asyncio.get_running_loop()
        began = loop.time()

        def clock() -> float:
            nonlocal looks
            looks += 1
            return start + loop.time() - began

        one = here.exchange()
        one.clock = clock
        told: list[tuple[float, str]] = []
        one.observe = lambda event: told.append((event.at, event.kind))
        running = asyncio.ensure_future(one.run())
        await asyncio.sleep(0.7)
        one.use(Routes.parse(here.rules.split("clone move")[0]))
        await asyncio.sleep(0.3)
        one.stop()
        await asyncio.wait_for(running, 5)
        words = ["clone started", "rules changed", "clone ended", "hold ended"]
        assert [kind for _, kind in told] == words
        assert 0 <= told[0][0] - (start + 0.3) < 0.2

    asyncio.run(scenario())
    assert looks < 100, "it sleeps until the boundary"
