"""Change sets: rules to be added to a rule set together, and taken out together.

In: a rule set and its coverage; or a change set's text.  Out: a `ChangeSet`, which can be
read, reviewed, applied and reversed as a whole.  This module does not write files.

The text is TOML: the release and its day, the hash of the rule set it is for and of the
one it makes, and each rule in the language of rules with the rule it stands after.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from dflow.errors import DflowError, RefusedText
from dflow.routing.coverage import Coverage, CoverageLine
from dflow.routing.layout import rule_text
from dflow.routing.resolve import ReadyRule
from dflow.routing.routes import Routes
from dflow.routing.rows import rows_of
from dflow.routing.rule import Rule, Target
from dflow.routing.selectors import FlowChoice, FlowPattern, PartyChoice, PartyPattern, VersionRange
from dflow.routing.window import Moment, Window
from dflow.tomltext import TomlText, parse_toml

__all__ = ["Addition", "ChangeSet", "NotApplicable", "draft", "parse_change_set"]


class NotApplicable(DflowError):
    """A change set is for another rule set than the one it was given."""


@frozen(kw_only=True)
class Addition:
    """One rule to add.

    Attributes:
        rule: the rule.
        after: the name of the rule it stands after; empty for the front.
    """

    rule: Rule
    after: str


@frozen(kw_only=True)
class ChangeSet:
    """Rules to add together.

    Attributes:
        title: what for, such as ``DTC 12.5, live 2019-06-27``.
        of: the hash of the rule set that it is for.
        gives: the hash of the rule set that it makes.
        additions: the rules, in order.
    """

    title: str
    of: str
    gives: str
    additions: tuple[Addition, ...]

    def apply(self, routes: Routes) -> Routes:
        """The rule set with the change set in it.

        Raises:
            NotApplicable: if it is for another rule set.
            RefusedText: if the rules do not go together.
        """
        if routes.rules_hash != self.of:
            raise NotApplicable(
                f"the change set is for rules {self.of[:12]}, these are {routes.rules_hash[:12]}"
            )
        return _added(routes, self.additions)

    def reverse(self, routes: Routes) -> Routes:
        """The rule set without the change set.

        Raises:
            NotApplicable: if the rules are not those that the change set made.
        """
        if routes.rules_hash != self.gives:
            raise NotApplicable(
                f"the change set made rules {self.gives[:12]}, these are {routes.rules_hash[:12]}"
            )
        names = {one.rule.name for one in self.additions}
        return evolve(routes, rules=tuple(one for one in routes.rules if one.name not in names))

    def __str__(self) -> str:
        """The text of the change set."""
        lines = [f"title = {_toml(self.title)}", f'of = "{self.of}"', f'gives = "{self.gives}"']
        for one in self.additions:
            text = rule_text(one.rule, comments=True)
            body = _toml(text).replace("\n", "\\n") if "'''" in text else f"'''\n{text}\n'''"
            lines += ["", "[[add]]", f"after = {_toml(one.after)}", f"rule = {body}"]
        return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _added(routes: Routes, additions: Sequence[Addition]) -> Routes:
    after: dict[str, list[Rule]] = {}
    for one in additions:
        after.setdefault(one.after, []).append(one.rule)
    rules = list(after.get("", ()))
    for rule in routes.rules:
        rules += [rule, *after.get(rule.name, ())]
    return evolve(routes, rules=tuple(rules))


def parse_change_set(text: str, routes: Routes, source: str = "<changes>") -> ChangeSet:
    """A change set from its text; `routes` gives the names that its rules use.

    Raises:
        RefusedText: if the text holds mistakes.
    """
    toml = parse_toml(text, source)
    values = {key: toml.data.get(key) for key in ("title", "of", "gives")}
    faults = [
        toml.fault((key,), f"{key} must be a text")
        for key, value in values.items()
        if not isinstance(value, str)
    ]
    adds = toml.data.get("add", [])
    if not isinstance(adds, list):
        faults.append(toml.fault(("add",), "add must be tables"))
        adds = []
    additions = [_addition(one, number, toml, routes) for number, one in enumerate(adds)]
    if faults:
        raise RefusedText(faults)
    return ChangeSet(
        title=str(values["title"]),
        of=str(values["of"]),
        gives=str(values["gives"]),
        additions=tuple(additions),
    )


def _addition(table: object, number: int, toml: TomlText, routes: Routes) -> Addition:
    after = table.get("after") if isinstance(table, dict) else None
    text = table.get("rule") if isinstance(table, dict) else None
    if not isinstance(after, str) or not isinstance(text, str):
        raise RefusedText([toml.fault(("add", number), "add needs after and rule, both texts")])
    if after and after not in {rule.name for rule in routes.rules}:
        raise RefusedText([toml.fault(("add", number, "after"), f"there is no rule {after}")])
    frame = str(evolve(routes, rules=(), closing=()))
    added = Routes.parse(
        f"{frame}\n{text}",
        f"{toml.source} (add {number + 1})",
        predicates=routes.predicates,
        values=routes.values,
    )
    if len(added.rules) != 1:
        raise RefusedText([toml.fault(("add", number, "rule"), "exactly one rule is expected")])
    return Addition(rule=added.rules[0], after=after)


def draft(routes: Routes, coverage: Coverage) -> ChangeSet:
    """The routes that a coverage misses, copied from those of the version before.

    Each route that took the older version just before the day is copied for the new one,
    from the day on, and stands after its original; clones of the older version likewise.
    Where there was none, the destination to which most routes of the participant go is
    presumed, and the rule says so: it wants a look.
    """
    drafting = _Drafting(routes, coverage)
    additions = tuple(addition for line in coverage.missing for addition in drafting.of(line))
    made = _added(routes, additions)
    return ChangeSet(
        title=f"DTC {coverage.release}, live {coverage.day}",
        of=routes.rules_hash,
        gives=made.rules_hash,
        additions=additions,
    )


class _Drafting:
    def __init__(self, routes: Routes, coverage: Coverage) -> None:
        self._routes = routes
        self._coverage = coverage
        self._names = {rule.name for rule in routes.rules}
        self._start = Moment(coverage.day.isoformat())
        self._done: set[tuple[str, str, str]] = set()

    def of(self, line: CoverageLine) -> list[Addition]:
        """The rules for one missing line."""
        sources = [self._ready(name) for name in line.older_rules]
        sources = [ready for ready in sources if ready.rule.kind == "route"]
        if not sources:
            return self._presumed(line)
        sources += [
            ready
            for ready in self._routes.ready
            if ready.rule.kind == "clone" and self._about(ready, line)
        ]
        return [found for ready in sources if (found := self._copied(ready, line))]

    def _ready(self, name: str) -> ReadyRule:
        return next(ready for ready in self._routes.ready if ready.rule.name == name)

    def _about(self, ready: ReadyRule, line: CoverageLine) -> bool:
        """Whether a clone copied the older version for the party, and does not the new one."""
        party = line.party
        for row in rows_of(ready):
            role, mpid = row.recipient_role, row.recipient_mpid
            if line.direction == "send":
                role, mpid = row.sender_role, row.sender_mpid
            named = line.flow in row.flow and party.role in role and party.mpid in mpid
            if named and line.older in row.version and line.version not in row.version:
                return True
        return False

    def _copied(self, ready: ReadyRule, line: CoverageLine) -> Addition | None:
        key = (ready.rule.name, line.flow, line.version)
        if key in self._done:
            return None
        self._done.add(key)
        end = ready.rule.window.end if ready.rule.window else None
        rule = evolve(
            ready.rule,
            name=self._name(f"{ready.rule.name}-{line.flow.lower()}-v{line.version}"),
            flows=_just(line),
            window=Window(start=self._start, end=end),
            because=f"DTC {self._coverage.release}: as {ready.rule.name} for v{line.older}",
            comments=(),
            line=0,
        )
        return Addition(rule=rule, after=ready.rule.name)

    def _presumed(self, line: CoverageLine) -> list[Addition]:
        """A route to where most of the participant's files go."""
        side = "recipient" if line.direction == "receive" else "sender"
        votes: dict[tuple[Target, ...], int] = {}
        last = ""
        for ready in self._routes.ready:
            choice = ready.recipient if line.direction == "receive" else ready.sender
            if ready.rule.kind != "route" or choice is None or not ready.live:
                continue
            named = [one for one in choice.include if isinstance(one, PartyPattern)]
            if any(one.mpid == line.party.mpid and one.matches(line.party) for one in named):
                votes[ready.rule.targets] = votes.get(ready.rule.targets, 0) + 1
                last = ready.rule.name
        key = (side, line.flow + str(line.party), line.version)
        if not votes or key in self._done:
            return []
        self._done.add(key)
        party = PartyChoice((PartyPattern(line.party.role, line.party.mpid),))
        verb = "to" if line.direction == "receive" else "from"
        rule = Rule(
            kind="route",
            name=self._name(
                f"{line.flow.lower()}-v{line.version}-{verb}-{line.party.mpid.lower()}"
            ),
            flows=_just(line),
            sender=party if line.direction == "send" else None,
            recipient=party if line.direction == "receive" else None,
            window=Window(start=self._start),
            targets=max(votes, key=lambda one: votes[one]),
            because=f"DTC {self._coverage.release}: no older route; destination presumed, review",
        )
        return [Addition(rule=rule, after=last)]

    def _name(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._names:
            name, number = f"{wanted}-{number}", number + 1
        self._names.add(name)
        return name


def _just(line: CoverageLine) -> FlowChoice:
    return FlowChoice((FlowPattern(line.flow, VersionRange("=", line.version)),))
