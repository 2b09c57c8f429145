"""The lives of flow versions: announced, live, superseded, withdrawn.

In: releases and the flow versions that they speak for.  Out: a `Life` for each, and its
`Standing` on a day.  This module does not know files or definitions.

Few days are known, so a standing says how sure it is.  What is derived, and from what:
a release that starts a version makes it live that day and supersedes the lower versions
of its flow; a publication that holds a version shows it live that day; one that holds
everything but lacks a version shows that it had ended by then, on a day not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from attrs import frozen

from dflow.catalogue.releases import FlowKey, Release
from dflow.catalogue.tables import version_order

__all__ = ["Life", "Standing", "State", "lives_of"]

#: What a flow version is on a day.
State = Literal["announced", "live", "superseded", "withdrawn"]


@frozen(kw_only=True)
class Standing:
    """What a flow version is on a day.

    Attributes:
        state: announced (not live yet), live, superseded or withdrawn.
        sure: whether the known dates settle it; if not, it is presumed.
        why: the date or its lack that decided it.
    """

    state: State
    sure: bool
    why: str

    def __str__(self) -> str:
        return f"{self.state}{'' if self.sure else ' (presumed)'}: {self.why}"


@frozen(kw_only=True)
class Life:
    """What is known of a flow version's days; None for each that is not known.

    Attributes:
        announced_from: the day the release that starts it was published.
        live_from: its first live day.
        live_after: a day on which it was not live yet, where its first day is not known:
            a lower version of the flow started then, or a whole publication lacked it.
        seen_first: the first day for which it was shown to be live.
        seen_last: the last such day.
        ended_from: its first day no longer live.
        ended_by: a day by which it had ended, where `ended_from` is not known.
        end: how it ended; empty if it has not, as far as is known.
    """

    announced_from: date | None = None
    live_from: date | None = None
    live_after: date | None = None
    seen_first: date | None = None
    seen_last: date | None = None
    ended_from: date | None = None
    ended_by: date | None = None
    end: Literal["", "superseded", "withdrawn"] = ""

    def on(self, day: date) -> Standing:
        """What the flow version is on a day."""
        if self.end and self.ended_from and day >= self.ended_from:
            return Standing(state=self.end, sure=True, why=f"from {self.ended_from}")
        if self.end and self.ended_by and day >= self.ended_by:
            return Standing(state=self.end, sure=True, why=f"by {self.ended_by} at the latest")
        if self.live_from and day < self.live_from:
            return Standing(state="announced", sure=True, why=f"live from {self.live_from}")
        if self.live_after and day <= self.live_after:
            why = f"not yet live on {self.live_after}"
            return Standing(state="announced", sure=True, why=why)
        return self._alive(day)

    def _alive(self, day: date) -> Standing:
        began = self.live_from or self.seen_first
        if began is None or day < began:
            return Standing(state="live", sure=False, why="its first day is not known")
        if self.ended_by and self.seen_last and day > self.seen_last:
            why = f"its last day is not known; ended by {self.ended_by}"
            return Standing(state="live", sure=False, why=why)
        why = f"from {self.live_from}" if self.live_from else f"shown live on {self.seen_first}"
        return Standing(state="live", sure=True, why=why)


def lives_of(keys: Iterable[FlowKey], releases: Sequence[Release]) -> dict[FlowKey, Life]:
    """The lives of the flow versions for which these releases speak."""
    by_flow: dict[str, list[str]] = {}
    for flow, version in sorted(keys, key=lambda key: (key[0], version_order(key[1]))):
        by_flow.setdefault(flow, []).append(version)
    return {
        (flow, version): _life(flow, version, versions, releases)
        for flow, versions in by_flow.items()
        for version in versions
    }


def _started(key: FlowKey, releases: Sequence[Release]) -> list[Release]:
    found = [release for release in releases if key in release.starts and release.live]
    return sorted(found, key=lambda release: release.live or date.max)


def _life(flow: str, version: str, versions: list[str], releases: Sequence[Release]) -> Life:
    key = (flow, version)
    place = versions.index(version)
    starts = _started(key, releases)
    live_from = starts[0].live if starts else None
    lower = [r.live for v in versions[:place] for r in _started((flow, v), releases) if r.live]
    higher = [
        r.live for v in versions[place + 1 :] for r in _started((flow, v), releases) if r.live
    ]
    superseded = min((day for day in higher if not live_from or day > live_from), default=None)
    seen = sorted(
        release.seen
        for release in releases
        if release.seen and key in (*release.holds, *release.starts, *release.changes)
    )
    withdrawn = min((r.live for r in releases if r.live and key in r.withdraws), default=None)
    lower += [
        release.seen
        for release in releases
        if release.seen and release.holds and key not in release.holds
        if seen and release.seen < seen[0]
    ]
    missing = sorted(
        (release.seen, flow in {held for held, _ in release.holds})
        for release in releases
        if release.seen and release.holds and key not in release.holds
        if not (live_from or seen) or release.seen > (seen[-1] if seen else live_from or date.max)
    )
    end: Literal["", "superseded", "withdrawn"] = ""
    if superseded or withdrawn:
        end = "withdrawn" if withdrawn and withdrawn < (superseded or date.max) else "superseded"
    elif missing:
        end = "superseded" if missing[0][1] else "withdrawn"
    return Life(
        announced_from=starts[0].published if starts else None,
        live_from=live_from,
        live_after=max(lower, default=None) if not live_from else None,
        seen_first=seen[0] if seen else None,
        seen_last=seen[-1] if seen else None,
        ended_from=withdrawn if end == "withdrawn" and withdrawn else superseded,
        ended_by=missing[0][0] if missing and not (superseded or withdrawn) else None,
        end=end,
    )
