"""An exchange watched through OpenTelemetry: metrics and traces.

In: what the exchange shows.  Out: instruments and spans of the OpenTelemetry API, from the
extra ``otel``.  This module configures nothing: the process's SDK says where they go, and
without one they go nowhere.

Attributes are destinations, steps, flows and the journal's numbers.  Names of files and
values of bodies are not among them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import define, field

from dflow.delivery import Step
from dflow.errors import DflowError
from dflow.exchange.journal import EventRow
from dflow.exchange.masking import masked
from dflow.exchange.seen import Arrived, Attempted, Depths, Seen

if TYPE_CHECKING:
    from opentelemetry.metrics import (
        CallbackOptions,
        Counter,
        Histogram,
        Meter,
        MeterProvider,
        Observation,
    )
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

__all__ = ["Telemetry"]

#: So many arrivals are remembered, for the links of their attempts' spans.
_REMEMBERED = 10_000

#: Steps by which a delivery is done, for certain.
_DONE = frozenset({Step.ACCEPTED, Step.FOUND})

#: Steps that a trace shows as errors.
_ERRORS = frozenset({Step.FAILED, Step.EXHAUSTED, Step.REFUSED, Step.LOST})

_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 900, 3600, 14400, 86400)


def _nanoseconds(instant: float) -> int:
    return int(instant * 1e9)


@define(eq=False)
class Telemetry:
    """A watcher for `Exchange(watchers=[Telemetry.of()])`; `of` makes one."""

    _tracer: Tracer
    _arrivals: Counter
    _steps: Counter
    _events: Counter
    _latency: Histogram
    _duration: Histogram
    _depths: dict[tuple[str, str], tuple[int, float]] = field(factory=dict, init=False)
    _spans: OrderedDict[int, SpanContext] = field(factory=OrderedDict, init=False)

    @classmethod
    def of(
        cls,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> Telemetry:
        """A watcher; providers left out are the process's own.

        Raises:
            DflowError: if the extra is not installed.
        """
        try:
            from opentelemetry.metrics import get_meter
            from opentelemetry.trace import get_tracer
        except ImportError:
            raise DflowError("OpenTelemetry needs the extra: pip install dflow[otel]") from None
        meter = get_meter("dflow.exchange", meter_provider=meter_provider)
        made = cls(
            get_tracer("dflow.exchange", tracer_provider=tracer_provider),
            meter.create_counter(
                "dflow.arrivals", unit="{file}", description="Files that arrived, by outcome."
            ),
            meter.create_counter(
                "dflow.delivery.steps",
                unit="{step}",
                description="Steps that deliveries took, by destination.",
            ),
            meter.create_counter(
                "dflow.events", unit="{event}", description="Events of the journal, by kind."
            ),
            meter.create_histogram(
                "dflow.delivery.latency",
                unit="s",
                description="From a delivery's decision until it was delivered.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            ),
            meter.create_histogram(
                "dflow.attempt.duration",
                unit="s",
                description="How long an attempt took.",
                explicit_bucket_boundaries_advisory=_SECONDS,
            ),
        )
        made._gauges(meter)
        return made

    def _gauges(self, meter: Meter) -> None:
        from opentelemetry.metrics import Observation

        def observed(place: int) -> Iterable[Observation]:
            # A copy: the exchange's thread changes it while the SDK's reads.
            for (destination, state), values in dict(self._depths).items():
                yield Observation(values[place], {"destination": destination, "state": state})

        def depth(_: CallbackOptions) -> Iterable[Observation]:
            return observed(0)

        def oldest(_: CallbackOptions) -> Iterable[Observation]:
            return observed(1)

        meter.create_observable_gauge(
            "dflow.queue.depth",
            [depth],
            unit="{delivery}",
            description="Deliveries that are not finished.",
        )
        meter.create_observable_gauge(
            "dflow.queue.oldest_age", [oldest], unit="s", description="Age of the oldest of them."
        )

    def __call__(self, seen: Seen) -> None:
        """Take up one thing that was seen."""
        match seen:
            case Arrived():
                self._arrived(seen)
            case Attempted():
                self._attempted(seen)
            case Depths():
                self._measured(seen)
            case EventRow():
                self._events.add(1, {"kind": seen.kind})

    def _arrived(self, seen: Arrived) -> None:
        new, outcome = seen.new, seen.recorded.outcome.value
        self._arrivals.add(1, {"outcome": outcome, "source": new.source})
        span = self._tracer.start_span(
            "dflow arrival",
            start_time=_nanoseconds(new.at),
            attributes={
                "dflow.arrival": seen.recorded.arrival,
                "dflow.source": new.source,
                "dflow.outcome": outcome,
                "dflow.flow": masked(new.address.get("flow", "")),
                "dflow.rule": new.rule,
                "dflow.deliveries": len(seen.recorded.deliveries),
            },
        )
        span.end(_nanoseconds(max(seen.ended, new.at)))
        self._spans[seen.recorded.arrival] = span.get_span_context()
        if len(self._spans) > _REMEMBERED:
            self._spans.popitem(last=False)

    def _attempted(self, seen: Attempted) -> None:
        from opentelemetry.trace import Link, Status, StatusCode

        row, step = seen.delivery, seen.step
        where = {"destination": row.destination, "step": step.value}
        self._steps.add(1, where)
        self._duration.record(max(0.0, seen.ended - seen.started), where)
        if step in _DONE:
            latency = max(0.0, seen.ended - row.made)
            self._latency.record(latency, {"destination": row.destination})
        arrival = self._spans.get(row.arrival)
        span = self._tracer.start_span(
            "dflow attempt",
            start_time=_nanoseconds(seen.started),
            links=[Link(arrival)] if arrival is not None else [],
            attributes={
                "dflow.arrival": row.arrival,
                "dflow.delivery": row.id,
                "dflow.destination": row.destination,
                "dflow.kind": row.kind,
                "dflow.rule": row.rule,
                "dflow.attempt": row.attempts,
                "dflow.step": step.value,
            },
        )
        if step in _ERRORS:
            span.set_status(Status(StatusCode.ERROR, step.value))
        span.end(_nanoseconds(max(seen.ended, seen.started)))

    def _measured(self, seen: Depths) -> None:
        empty = dict.fromkeys(self._depths, (0, 0.0))
        there = {
            (one.destination, one.state.value): (one.number, max(0.0, seen.at - one.oldest))
            for one in seen.backlog
        }
        self._depths = {**empty, **there}
