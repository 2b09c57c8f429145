"""Rules beside the catalogue: flows it does not have, versions not live, roles not allowed.

In: a rule set and a catalogue.  Out: remarks.  What the catalogue cannot tell is no
remark: a flow of another format, a version whose days are not known, a role whose code
is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta, tzinfo

from dflow.catalogue import Catalogue
from dflow.catalogue.conditions import Answer
from dflow.errors import near_misses
from dflow.routing.remark import Remark, RemarkCode
from dflow.routing.resolve import ReadyRule
from dflow.routing.routes import Routes
from dflow.routing.rows import flow_pieces, party_pieces
from dflow.routing.selectors import PartyChoice
from dflow.routing.sets import TextSet, VersionSet

__all__ = ["flows_of", "known_remarks"]

#: The names of D-flows, which the catalogue can speak of.
_D_FLOW = re.compile(r"D[0-9]{4}", re.ASCII)


def flows_of(ready: ReadyRule, keys: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The flow versions of a catalogue that a rule is about."""
    pieces = flow_pieces(ready.flows)
    return [
        (flow, version)
        for flow, version in keys
        if any(flow in flows and version in versions for flows, versions in pieces)
    ]


def known_remarks(routes: Routes, catalogue: Catalogue) -> Iterator[Remark]:
    """What the catalogue says against the rules."""
    known = _Known(catalogue, routes.zone)
    for ready in routes.ready:
        for code, message in known.of(ready):
            yield Remark(
                code=code,
                rule=ready.rule.name,
                line=ready.rule.line,
                message=f"{ready.rule.kind} {ready.rule.name}: {message}",
            )


class _Known:
    """A catalogue, asked many times."""

    def __init__(self, catalogue: Catalogue, zone: tzinfo) -> None:
        self._catalogue = catalogue
        self._zone = zone
        self._keys = catalogue.keys
        self._flows = {flow for flow, _ in self._keys}
        self._pairs: dict[tuple[tuple[str, str], str, str], Answer] = {}

    def of(self, ready: ReadyRule) -> Iterator[tuple[RemarkCode, str]]:
        unknown = False
        for flows, versions in flow_pieces(ready.flows) if ready.flows else ():
            for flow in sorted(point for point, is_in in flows.points.items() if is_in):
                for code, message in self._flow(flow, versions, ready):
                    unknown = True
                    yield code, message
        if not unknown and ready.rule.targets:
            yield from self._roles(ready)

    def _flow(
        self, flow: str, versions: VersionSet, ready: ReadyRule
    ) -> Iterator[tuple[RemarkCode, str]]:
        if not _D_FLOW.fullmatch(flow):
            return
        if flow not in self._flows:
            near = near_misses(flow, self._flows)
            hint = f"; near: {', '.join(near)}" if near else ""
            yield "unknown-flow", f"the catalogue has no flow {flow}{hint}"
            return
        known = self._catalogue.versions(flow)
        held = [version for version in known if version in versions]
        if not held:
            listed = ", ".join(f"v{version}" for version in known)
            yield "unknown-version", f"the catalogue has {flow} as {listed}, not {versions}"
        elif not any(self._live(flow, version, ready) for version in held):
            life = self._catalogue.life(flow, held[-1])
            day = self._first_day(ready)
            standing = f"; {life.on(day)}" if day else ""
            listed = ", ".join(f"v{version}" for version in held)
            yield "not-live", f"{flow} {listed} is not live in the window{standing}"

    def _live(self, flow: str, version: str, ready: ReadyRule) -> bool:
        """Whether the version can be live on some day of the rule's window."""
        life = self._catalogue.life(flow, version)
        first, last = self._first_day(ready), self._last_day(ready)
        begins = life.live_from or (life.live_after and life.live_after + timedelta(days=1))
        ends = life.ended_from or life.ended_by
        if last and begins and last < begins:
            return False
        return not (first and ends and first >= ends)

    def _first_day(self, ready: ReadyRule) -> date | None:
        return ready.span.start.astimezone(self._zone).date() if ready.span.start else None

    def _last_day(self, ready: ReadyRule) -> date | None:
        if ready.span.end is None:
            return None
        return (ready.span.end - timedelta(microseconds=1)).astimezone(self._zone).date()

    def _roles(self, ready: ReadyRule) -> Iterator[tuple[RemarkCode, str]]:
        """The roles of the rule, where none of its flows may travel between them."""
        senders, recipients = _roles(ready.sender), _roles(ready.recipient)
        if ready.flows is None or not senders or not recipients:
            return
        keys = flows_of(ready, self._keys)
        for sender in sorted(senders):
            for recipient in sorted(recipients):
                answers = {self._allows(key, sender, recipient) for key in keys}
                if answers == {Answer.FAILS}:
                    yield (
                        "role-pair",
                        (
                            f"the catalogue lets no flow of {ready.rule.flows} travel"
                            f" from {sender} to {recipient}"
                        ),
                    )

    def _allows(self, key: tuple[str, str], sender: str, recipient: str) -> Answer:
        found = self._pairs.get((key, sender, recipient))
        if found is None:
            found = self._catalogue.roles.allows(self._catalogue[key], sender, recipient)
            self._pairs[key, sender, recipient] = found
        return found


def _roles(choice: PartyChoice | None) -> set[str]:
    """The roles that a choice names one by one; empty if it holds others as well."""
    if choice is None:
        return set()
    roles = TextSet.none()
    for role, mpids in party_pieces(choice):
        if mpids:
            roles |= role
    if True in roles.prefixes.values():
        return set()
    return {role for role, is_in in roles.points.items() if is_in}
