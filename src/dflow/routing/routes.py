"""A rule set: read whole, then asked where a file goes at an instant.

In: a rules text, or rules as values.  Out: `Routes`, whose `decide` is pure: the same
header, instant and tree always give the same decision.  This module does not know
transports, and reads no file but the rules and their lists, when it is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dflow.envelope import Header
from dflow.errors import RefusedText, SourceError, TextFault
from dflow.flow import Flow
from dflow.routing.build import DEFAULT_TIMEZONE, build
from dflow.routing.decision import Considered, Copy, Decision, Outcome
from dflow.routing.index import Index
from dflow.routing.layout import layout, rule_text
from dflow.routing.listfiles import load_lists
from dflow.routing.match import Matching, body_miss, miss
from dflow.routing.resolve import Allowed, Predicate, ReadyRule, Resolver
from dflow.routing.rule import Destination, Rule, RuleKind, ValueList
from dflow.routing.syntax import read_syntax
from dflow.routing.values import ValueSet
from dflow.routing.window import as_instant

__all__ = ["Routes"]


@frozen(kw_only=True)
class Routes:
    """A rule set that is whole: every name in it is defined, every list is loaded.

    Attributes:
        timezone: as stated; empty for none, which means Europe/London.
        destinations: in the order written.
        lists: in the order written.
        rules: in the order in which they are tried.
        values: the contents of the lists that stand in files, by list name.
        predicates: the Python conditions that rules name.
        timezone_comments: the comment lines above the time zone.
        closing: the comment lines at the end.
        source: the file's name, for messages.
        zone: the time zone.
        rules_hash: SHA-256 over what the rules and their lists mean, in hexadecimal.
        ready: the rules with their lists filled in, for the analyses.

    Raises:
        RefusedText: if a name is not defined or defined twice, all mistakes at once.
    """

    timezone: str = ""
    destinations: tuple[Destination, ...] = ()
    lists: tuple[ValueList, ...] = ()
    rules: tuple[Rule, ...] = ()
    values: Mapping[str, ValueSet] = field(factory=dict, repr=False)
    predicates: Mapping[str, Predicate] = field(factory=dict, repr=False, hash=False)
    timezone_comments: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()
    source: str = field(default="<rules>", eq=False)
    zone: tzinfo = field(init=False, eq=False, repr=False)
    rules_hash: str = field(init=False, eq=False)
    ready: tuple[ReadyRule, ...] = field(init=False, eq=False, repr=False)
    _by_name: Mapping[str, Rule] = field(init=False, eq=False, repr=False)
    _tests: frozenset[str] = field(init=False, eq=False, repr=False)
    _made: list[Index] = field(factory=list, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        zone = ZoneInfo(self.timezone or DEFAULT_TIMEZONE)
        values = dict(self.values)
        for one in self.lists:
            if isinstance(one.values, tuple):
                values[one.name] = ValueSet.of(one.values)
        resolver = Resolver(
            zone,
            {one.name: one for one in self.destinations},
            {one.name: one for one in self.lists},
            values,
            self.predicates,
        )
        ready = self._resolve(resolver)
        place = object.__setattr__  # a frozen value sets its derived fields once, here
        place(self, "zone", zone)
        place(self, "ready", ready)
        place(self, "_by_name", {rule.name: rule for rule in self.rules})
        place(self, "_tests", frozenset(one.name for one in self.destinations if one.test))
        place(self, "rules_hash", self._hash(values))

    def _index(self) -> Index:
        """The index, made when the first decision asks for it."""
        if not self._made:
            self._made.append(Index.of(self.ready))
        return self._made[0]

    def _resolve(self, resolver: Resolver) -> tuple[ReadyRule, ...]:
        faults: list[TextFault] = []
        ready: list[ReadyRule] = []

        def fault(line: int, message: str, near: tuple[str, ...] = ()) -> None:
            faults.append(
                TextFault(source=self.source, line=line, column=0, message=message, near=near)
            )

        named = (("destination", self.destinations), ("list", self.lists), ("rule", self.rules))
        for what, things in named:
            seen: set[str] = set()
            for thing in things:
                if thing.name in seen:
                    fault(thing.line, f"{what} {thing.name} is defined twice")
                seen.add(thing.name)
        for one in self.lists:
            if one.name not in resolver.values:
                fault(one.line, f"list {one.name}: its file has not been read")
        for position, rule in enumerate(self.rules):
            before = len(faults)
            for message, near in resolver.problems(rule):
                fault(rule.line, f"{rule.kind} {rule.name}: {message}", near)
            if len(faults) == before:
                try:
                    ready.append(resolver.ready(rule, position))
                except ValueError as error:
                    fault(rule.line, f"{rule.kind} {rule.name}: {error}")
                except KeyError:  # a list whose file has not been read, told above
                    continue
        if faults:
            raise RefusedText(faults)
        return tuple(ready)

    def _hash(self, values: Mapping[str, ValueSet]) -> str:
        """Over what the rules mean: their comments and their layout do not count."""
        plain = layout(
            timezone=self.timezone or DEFAULT_TIMEZONE,
            destinations=[_bare(one) for one in self.destinations],
            lists=(),
            rules=(),
        )
        parts = [plain, *(rule_text(rule) for rule in self.rules)]
        parts += [f"{one.name} {values[one.name].digest}" for one in self.lists]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    # -- reading -------------------------------------------------------------------

    @classmethod
    def parse(
        cls,
        text: str,
        source: str = "<rules>",
        folder: Path | None = None,
        *,
        predicates: Mapping[str, Predicate] | None = None,
        values: Mapping[str, ValueSet] | None = None,
    ) -> Routes:
        """A rule set from its text.

        Args:
            text: the rules.
            source: the text's name, for messages.
            folder: where the files of its lists are; without it, such a list is refused.
            predicates: the Python conditions that ``when`` may name.
            values: contents of lists that stand in files, if they have been read before.

        Raises:
            RefusedText: if the text or a list's file holds mistakes: all of them.
        """
        if not isinstance(text, str):
            raise TypeError(_no_text(text))
        reading = read_syntax(text, source)
        known = predicates or {}
        built = build(
            reading.statements, source=source, lines=reading.lines, predicates=known.keys()
        )
        loaded, list_faults = load_lists(built, source, reading.lines, folder, have=values or {})
        faults = [*reading.faults, *built.faults, *list_faults]
        if faults:
            raise RefusedText(sorted(faults, key=lambda one: one.source != source or one.line))
        return cls(
            timezone=built.timezone,
            destinations=tuple(built.destinations),
            lists=tuple(built.lists),
            rules=tuple(built.rules),
            values=loaded,
            predicates=known,
            timezone_comments=built.timezone_comments,
            closing=reading.closing,
            source=source,
        )

    @classmethod
    def load(cls, path: str | Path, *, predicates: Mapping[str, Predicate] | None = None) -> Routes:
        """A rule set from its file; the files of its lists lie beside it or below.

        Raises:
            SourceError: if the file cannot be read.
            RefusedText: if it, or a list's file, holds mistakes: all of them.
        """
        path = Path(path)
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from error
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            fault = TextFault(
                source=str(path), line=line, column=0, message="the text is not UTF-8"
            )
            raise RefusedText([fault]) from error
        return cls.parse(text, str(path), path.parent, predicates=predicates)

    # -- asking --------------------------------------------------------------------

    def decide(self, header: Header, *, at: datetime | date, flow: Flow | None = None) -> Decision:
        """Where a file of this address goes at this instant.

        Args:
            header: the address; nothing else is looked at unless a rule asks for items.
            at: an aware time, or a day, which means its first instant in the time zone.
            flow: the tree, for rules that ask for items.

        Raises:
            TypeError: if `header` is none, as that of a file without a header, or `at` is
                neither a time nor a day.
            ValueError: if `at` is a time without a zone.
            StructureError: if only the body can say, and there is no `flow`; ask
                `needs_body` first.
        """
        if not isinstance(header, Header):
            raise TypeError(_no_header(header))
        instant = as_instant(at, self.zone)
        primary: ReadyRule | None = None
        clones: list[ReadyRule] = []
        for ready in self._index().rules(header, instant):
            is_clone = ready.rule.kind == "clone"
            if not is_clone and primary is not None:
                continue
            # The index has looked at header and time; the body and predicates are left.
            if ready.closed or body_miss(ready, header, flow) is None:
                if is_clone:
                    clones.append(ready)
                else:
                    primary = ready
        return self._decision(header, instant, flow, primary, clones)

    def decide_in_order(
        self, header: Header, *, at: datetime | date, flow: Flow | None = None
    ) -> Decision:
        """As `decide`, by trying every rule in order: the plain meaning of a rule set.

        Slow; the index is held equal to it.
        """
        instant = as_instant(at, self.zone)
        primary: ReadyRule | None = None
        clones: list[ReadyRule] = []
        for ready in self.ready:
            if ready.rule.kind == "clone":
                if miss(ready, header, instant, self.zone, flow) is None:
                    clones.append(ready)
            elif primary is None and miss(ready, header, instant, self.zone, flow) is None:
                primary = ready
        return self._decision(header, instant, flow, primary, clones)

    def needs_body(self, header: Header, at: datetime | date) -> bool:
        """Whether `decide` needs the tree for this address at this instant."""
        settled = False
        for ready in self._index().rules(header, as_instant(at, self.zone)):
            if ready.rule.kind == "clone" or not settled:
                if ready.conditions:
                    return True
                settled = settled or (ready.rule.kind != "clone" and ready.closed)
        return False

    def consider(
        self, header: Header, *, at: datetime | date, flow: Flow | None = None
    ) -> tuple[Considered, ...]:
        """Every rule in order: whether it fits, and the first clause that fails.

        Raises:
            StructureError: as `decide`.
        """
        instant = as_instant(at, self.zone)
        settled = False
        found: list[Considered] = []
        for ready in self.ready:
            if settled and ready.rule.kind != "clone":
                found.append(Considered(rule=ready.rule, reached=False))
                continue
            why = miss(ready, header, instant, self.zone, flow)
            found.append(Considered(rule=ready.rule, miss=why))
            settled = settled or (why is None and ready.rule.kind != "clone")
        return tuple(found)

    def rule(self, name: str) -> Rule:
        """The rule of this name.

        Raises:
            KeyError: if there is none.
        """
        return self._by_name[name]

    def __str__(self) -> str:
        """The text of the rules, laid out in the one way."""
        return layout(
            timezone=self.timezone,
            timezone_comments=self.timezone_comments,
            destinations=self.destinations,
            lists=self.lists,
            rules=self.rules,
            closing=self.closing,
        )

    def _decision(
        self,
        header: Header,
        at: datetime,
        flow: Flow | None,
        primary: ReadyRule | None,
        clones: list[ReadyRule],
    ) -> Decision:
        allowed = _allowed(primary, header) if primary else _NOTHING
        copies: tuple[Copy, ...] = ()
        barred = allowed.barred
        if clones:
            copies = tuple(copy for clone in clones for copy in _copies(clone, header))
            barred = tuple(
                dict.fromkeys(
                    name
                    for one in (allowed, *(_allowed(c, header) for c in clones))
                    for name in one.barred
                )
            )
        return Decision(
            outcome=_OUTCOMES[primary.rule.kind] if primary else "unrouted",
            rule=primary.rule.name if primary else None,
            deliveries=allowed.targets,
            copies=copies,
            barred=barred,
            rules_hash=self.rules_hash,
            at=at,
            header=header,
            routes=self,
            flow=flow,
        )


_NOTHING = Allowed(())

_OUTCOMES: dict[RuleKind, Outcome] = {
    "route": "deliver",
    "hold": "hold",
    "refuse": "refuse",
    "discard": "discard",
}


def _allowed(ready: ReadyRule, header: Header) -> Allowed:
    return ready.to_live if header.live else ready.to_tests


def _copies(clone: ReadyRule, header: Header) -> Iterator[Copy]:
    for target in _allowed(clone, header).targets:
        yield Copy(
            rule=clone.rule.name,
            target=target,
            readdressed=clone.rule.readdressed,
            matching=Matching(clone.conditions) if clone.rule.only_matching else None,
        )


def _bare(one: Destination) -> Destination:
    """A destination without what does not change its meaning."""
    return Destination(name=one.name, test=one.test)


def _no_text(given: object) -> str:
    kind = type(given).__name__
    return f"rules are a text, not {kind}; read a file of rules by Routes.load"


def _no_header(given: object) -> str:
    hint = "a flow's is its attribute header"
    if given is None:
        hint = "a file without a header has no address"
    return f"a decision needs a Header, not {type(given).__name__}; {hint}"
