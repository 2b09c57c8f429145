"""Coverage: for every flow version of a release, where a party's files go on its day.

In: a rule set, a release, participants, a catalogue.  Out: a line for each flow version
that a participant's role may send or receive: the rules that take it, or their absence.
This module does not change rules; `draft` does.

Who may exchange a flow stands in the catalogue.  Where it does not (an envelope-only
version), the routes of the flow's nearest version are presumed, and the line says so;
where nothing tells, a line is made if the rules route an older version for the party.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

from attrs import define, field, frozen

from dflow.catalogue import Catalogue, FlowRoute, Release
from dflow.catalogue.conditions import Answer
from dflow.envelope import Party
from dflow.routing.resolve import ReadyRule
from dflow.routing.routes import Routes
from dflow.routing.rows import LIVE, Row, rows_of
from dflow.routing.selectors import VersionRange, version_key
from dflow.routing.sets import TextSet, VersionSet
from dflow.routing.space import Box, Space, covering, meet
from dflow.routing.window import Span, as_instant

__all__ = ["Coverage", "CoverageLine", "Direction", "Leftover", "Status", "coverage"]

#: Whether the participant receives the flow or sends it.
Direction = Literal["receive", "send"]

#: ``routed``: every such file is delivered; ``in part``: some are; ``missing``: no rule
#: takes any; ``held``, ``refused``, ``discarded``: no file is delivered, and rules say so.
Status = Literal["routed", "in part", "missing", "held", "refused", "discarded"]

_OTHER: dict[str, Status] = {"hold": "held", "refuse": "refused", "discard": "discarded"}


@frozen(kw_only=True)
class CoverageLine:
    """What becomes of one flow version for one participant.

    Attributes:
        flow: such as ``D0217``.
        version: such as ``002``.
        party: the participant.
        direction: whether it receives or sends the flow.
        sure: whether the catalogue says that its role may; if not, it is presumed.
        status: what becomes of live files on the day.
        rules: the names of the rules that take them, in order.
        older: the version before, if there is one.
        older_rules: the names of the rules that took that one just before the day.
    """

    flow: str
    version: str
    party: Party
    direction: Direction
    sure: bool
    status: Status
    rules: tuple[str, ...] = ()
    older: str = ""
    older_rules: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Flow and version."""
        return (self.flow, self.version)

    def __str__(self) -> str:
        arrow = "to" if self.direction == "receive" else "from"
        text = f"{self.flow} v{self.version} {arrow} {self.party}: {self.status}"
        if self.rules:
            text += f", by {', '.join(self.rules)}"
        if self.older_rules and self.status == "missing":
            text += f"; v{self.older} went by {', '.join(self.older_rules)}"
        return text if self.sure else text + " (presumed)"

    def as_json(self) -> dict[str, object]:
        """The line as a JSON object."""
        return {
            "flow": self.flow,
            "version": self.version,
            "party": str(self.party),
            "direction": self.direction,
            "sure": self.sure,
            "status": self.status,
            "rules": list(self.rules),
            "older": self.older,
            "older_rules": list(self.older_rules),
        }


@frozen(kw_only=True)
class Leftover:
    """A rule that still names a version which ends with the release.

    Attributes:
        flow: such as ``D0217``.
        version: the version that ends.
        rule: the rule's name.
    """

    flow: str
    version: str
    rule: str

    def __str__(self) -> str:
        return f"{self.flow} v{self.version} ends, and {self.rule} still names it"


@frozen(kw_only=True)
class Coverage:
    """The coverage of a release by a rule set.

    Attributes:
        release: its name.
        day: the day it was asked for.
        lines: by flow, version, participant, direction.
        leftovers: rules for versions that end.
    """

    release: str
    day: date
    lines: tuple[CoverageLine, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def missing(self) -> tuple[CoverageLine, ...]:
        """The lines without a route."""
        return tuple(line for line in self.lines if line.status == "missing")

    @property
    def missing_flows(self) -> tuple[tuple[str, str], ...]:
        """The flow versions of those lines."""
        return tuple(dict.fromkeys(line.key for line in self.missing))

    def as_json(self) -> dict[str, object]:
        """The coverage as a JSON object."""
        return {
            "release": self.release,
            "day": self.day.isoformat(),
            "lines": [line.as_json() for line in self.lines],
            "leftovers": [
                {"flow": one.flow, "version": one.version, "rule": one.rule}
                for one in self.leftovers
            ],
            "missing": len(self.missing),
        }


def coverage(
    routes: Routes,
    release: Release,
    parties: Sequence[Party],
    *,
    catalogue: Catalogue,
    day: date | None = None,
) -> Coverage:
    """The coverage of a release for some participants.

    Args:
        routes: the rule set.
        release: whose flow versions are asked for.
        parties: the participants, each in one role.
        catalogue: who may exchange which flow.
        day: the release's live day, unless another is asked for.

    Raises:
        ValueError: if no day is given and the release's day is not known.
    """
    day = day or release.live
    if day is None:
        raise ValueError(f"the day release {release} goes live is not known; give one")
    return _Asking(routes, release, parties, catalogue, day).answer()


@frozen
class _Question:
    """One line before it is answered: the space of its files on the day, and just before."""

    flow: str
    version: str
    party: Party
    direction: Direction
    answer: Answer
    older: str
    now: Row
    before: Row | None


@define
class _Asking:
    routes: Routes
    release: Release
    parties: Sequence[Party]
    catalogue: Catalogue
    day: date
    _rows: list[tuple[ReadyRule, Row]] = field(init=False)
    _routes_of: dict[tuple[str, str], tuple[tuple[FlowRoute, ...], bool]] = field(
        factory=dict, init=False
    )

    def __attrs_post_init__(self) -> None:
        primary = (ready for ready in self.routes.ready if ready.rule.kind != "clone")
        self._rows = [(ready, row) for ready in primary for row in rows_of(ready)]

    def answer(self) -> Coverage:
        questions = list(self._questions())
        every = [row for one in questions for row in (one.now, one.before) if row]
        space = Space.of([row for _, row in self._rows], more=every)
        boxes = iter(space.boxed(every))
        lines = []
        for one in questions:
            status, rules = self._told(space, next(boxes))
            older: tuple[str, ...] = ()
            if one.before is not None:
                was, names = self._told(space, next(boxes))
                older = names if was in {"routed", "in part"} else ()
            if one.answer is Answer.CANNOT_TELL and not rules and not older:
                continue
            lines.append(
                CoverageLine(
                    flow=one.flow,
                    version=one.version,
                    party=one.party,
                    direction=one.direction,
                    sure=one.answer is Answer.HOLDS and self._routes_of[one.flow, one.version][1],
                    status=status,
                    rules=rules,
                    older=one.older,
                    older_rules=older,
                )
            )
        leftovers = tuple(self._leftovers())
        return Coverage(
            release=self.release.name, day=self.day, lines=tuple(lines), leftovers=leftovers
        )

    # -- what may be exchanged -------------------------------------------------------

    def _questions(self) -> Iterator[_Question]:
        start = as_instant(self.day, self.routes.zone)
        tick = timedelta(microseconds=1)
        now, before = Span(start, start + tick), Span(start - tick, start)
        directions: tuple[Direction, Direction] = ("receive", "send")
        for flow, version in sorted(self.release.keys):
            older = self._older(flow, version)
            for party in self.parties:
                for direction in directions:
                    answer, others = self._allowed((flow, version), party, direction)
                    if answer is Answer.FAILS:
                        continue
                    yield _Question(
                        flow,
                        version,
                        party,
                        direction,
                        answer,
                        older,
                        _row((flow, version), party, direction, others, now),
                        _row((flow, older), party, direction, others, before) if older else None,
                    )

    def _allowed(
        self, key: tuple[str, str], party: Party, direction: Direction
    ) -> tuple[Answer, TextSet]:
        """Whether the role may, and the roles of the other side."""
        known = self.catalogue.roles
        answers: list[Answer] = []
        others: TextSet = TextSet.none()
        for route in self._flow_routes(key):
            mine, theirs = route.recipient, route.sender
            if direction == "send":
                mine, theirs = theirs, mine
            answer = known.may_be(party.role, mine)
            answers.append(answer)
            if answer is not Answer.FAILS:
                label = known.known.get(theirs)
                codes = label.codes if label else ()
                others |= TextSet.of(*codes) if codes else TextSet.all()
        if not answers:
            return Answer.CANNOT_TELL, TextSet.all()
        return Answer.any(answers), others

    def _flow_routes(self, key: tuple[str, str]) -> tuple[FlowRoute, ...]:
        """The catalogue's routes of a flow version, or of the nearest version that has any."""
        found = self._routes_of.get(key)
        if found is None:
            flow, version = key
            own = self.catalogue.get(flow, version)
            found = (own.routes, True) if own and own.routes else ((), False)
            if not found[0]:
                known = (self.catalogue.get(flow, one) for one in self.catalogue.versions(flow))
                near = sorted(
                    (one for one in known if one and one.routes),
                    key=lambda one: (one.version < version, one.version),
                )
                found = (near[0].routes, False) if near else found
            self._routes_of[key] = found
        return found[0]

    def _older(self, flow: str, version: str) -> str:
        mine = version_key(version)
        lower = {one for one in self.catalogue.versions(flow) if version_key(one) < mine}
        return max(lower, key=version_key, default="")

    # -- what becomes of it ----------------------------------------------------------

    def _told(self, space: Space, box: Box) -> tuple[Status, tuple[str, ...]]:
        """What becomes of the files in a box, and by which rules."""
        before: list[tuple[int, Box]] = []
        reached: dict[str, ReadyRule] = {}
        for number in space.touching(box, (1 << len(self._rows)) - 1):
            ready = self._rows[number][0]
            shared = meet(box, space.boxes[number])
            if shared is None or isinstance(covering(shared, before), frozenset):
                continue  # earlier rules leave it nothing
            reached[ready.rule.name] = ready
            if ready.closed:
                before.append((number, space.boxes[number]))
        kinds = {ready.rule.kind for ready in reached.values()}
        if not kinds:
            return "missing", ()
        whole = isinstance(covering(box, before), frozenset)
        if "route" in kinds:
            status: Status = "routed" if whole and kinds == {"route"} else "in part"
        else:
            status = _OTHER[next(ready.rule.kind for ready in reached.values())]
        return status, tuple(reached)

    def _leftovers(self) -> Iterator[Leftover]:
        start = as_instant(self.day, self.routes.zone)
        for flow, version in sorted(self.release.starts):
            ends = [one for one in self.catalogue.versions(flow) if one < version]
            for old in ends:
                told: set[str] = set()
                for ready, row in self._rows:
                    named = flow in row.flow and old in row.version and version not in row.version
                    name = ready.rule.name
                    if named and start in row.span and name not in told:
                        told.add(name)
                        yield Leftover(flow=flow, version=old, rule=name)


def _row(
    key: tuple[str, str], party: Party, direction: Direction, others: TextSet, span: Span
) -> Row:
    """The space of the live files of a flow version that a party receives or sends."""
    flow, version = key
    role, mpid = TextSet.of(party.role), TextSet.of(party.mpid)
    receives = direction == "receive"
    return Row(
        flow=TextSet.of(flow),
        version=VersionSet.range(VersionRange("=", version)),
        sender_role=others if receives else role,
        sender_mpid=TextSet.all() if receives else mpid,
        recipient_role=role if receives else others,
        recipient_mpid=mpid if receives else TextSet.all(),
        test=LIVE,
        sending=TextSet.all(),
        receiving=TextSet.all(),
        span=span,
    )
