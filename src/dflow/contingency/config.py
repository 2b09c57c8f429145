"""A contingency as a file: the working model, and how the exchange runs under it.

In: a TOML file, and the list of meter points it names.  Out: a `Setup`.  Every mistake is
told with its place; a model that contradicts itself is refused whole, before anything
moves.  What is not decided is no mistake: `dflow.contingency.checking` remarks it.
"""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path

from attrs import field, frozen

from dflow.contingency.hours import chain_of
from dflow.contingency.model import Kind, Model, ascending
from dflow.contingency.words import Words
from dflow.errors import SourceError
from dflow.exchange.settings import TableReader
from dflow.tomltext import read_toml
from dflow.transport.kinds import Option

__all__ = ["Meaning", "Practice", "Rehearsing", "Running", "Setup", "load_model", "load_setup"]

_TABLES = (
    "model",
    "stage",
    "owner",
    "level",
    "backstop",
    "messages",
    "by_hand",
    "life_support",
    "exchange",
    "rehearsal",
)


@frozen(kw_only=True)
class Meaning:
    """What messages and codes mean; the codes are facts, the attribute's name is not known.

    Attributes:
        request: the message that asks.
        attribute: where the reason stands; empty finds it by its value.
        reconnect: reasons that re-energise.
        disconnect: reasons that de-energise.
        reconnected: answers that say that a meter point was re-energised.
        disconnected: answers that say that it was de-energised.
        refused: answers that say that a request was not taken.
        noted: answers whose meaning is not known: kept, and nothing follows.
    """

    request: str = "017"
    attribute: str = ""
    reconnect: tuple[str, ...] = ("E01", "E05")
    disconnect: tuple[str, ...] = ("D01", "D04", "D05")
    reconnected: tuple[str, ...] = ("106E",)
    disconnected: tuple[str, ...] = ("106D",)
    refused: tuple[str, ...] = ("601",)
    noted: tuple[str, ...] = ("306", "307", "131")

    def kind(self, reason: str) -> Kind:
        """What a reason does to a meter point."""
        if reason in self.reconnect:
            return "reconnect"
        return "disconnect" if reason in self.disconnect else "other"

    @property
    def answers(self) -> tuple[str, ...]:
        """Every message that answers."""
        return (*self.reconnected, *self.disconnected, *self.refused, *self.noted)


@frozen(kw_only=True)
class Practice:
    """Numbers of the working practice; the defaults are made up.

    Attributes:
        before: minutes: a request so much older than what was done by hand is the same.
        after: minutes: so much younger is the same too, if nothing came between.
    """

    before: float = 120.0
    after: float = 15.0


@frozen(kw_only=True)
class Running:
    """The exchange that carries the requests.

    Attributes:
        config: its configuration.
        destination: where requests go: the hub.
        every: seconds between two rounds.
    """

    config: Path
    destination: str
    every: float = 5.0


@frozen(kw_only=True)
class Rehearsing:
    """A made-up failure of the hub.

    Attributes:
        stage: the stage that fails.
        requests: how many wait.
        outage: minutes from the failure to its end.
        seen: minutes until somebody opens the failure.
        phones: how many requests a minute people do by hand once they are warned.
        answer: minutes until networks answer.
    """

    stage: int = 7
    requests: int = 500
    outage: float = 90.0
    seen: float = 5.0
    phones: int = 2
    answer: float = 4.0


@frozen(kw_only=True)
class Setup:
    """Everything that the file says.

    Attributes:
        path: the file.
        model: the working model.
        meaning: what messages and codes mean.
        practice: numbers of the working practice.
        life_support: meter points that are never disconnected; not shown.
        running: None for a model on paper.
        rehearsing: what a rehearsal makes up.
    """

    path: Path
    model: Model
    meaning: Meaning = field(factory=Meaning)
    practice: Practice = field(factory=Practice)
    life_support: frozenset[str] = field(default=frozenset(), repr=False)
    running: Running | None = None
    rehearsing: Rehearsing = field(factory=Rehearsing)


def load_setup(path: Path) -> Setup:
    """Read a contingency's file.

    Raises:
        SourceError: a file cannot be read.
        RefusedText: with every mistake and its place.
    """
    reader = TableReader(read_toml(path), path.parent)
    reader.only((), _TABLES)
    words = Words(reader)
    setup = Setup(
        path=path,
        model=words.model(),
        meaning=_meaning(words),
        practice=_practice(words),
        life_support=_life_support(words),
        running=_running(words),
        rehearsing=_rehearsing(words),
    )
    _contradictions(reader, setup)
    reader.refuse()
    return setup


def load_model(path: Path) -> Model:
    """Read the working model alone, such as an older version to compare with.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake of the model and its place.
    """
    reader = TableReader(read_toml(path), path.parent)
    reader.only((), _TABLES)
    model = Words(reader).model()
    reader.refuse()
    return model


def _meaning(words: Words) -> Meaning:
    path, table = ("messages",), words.reader.table("messages")
    usual = Meaning()
    lists = ("reconnect", "disconnect", "reconnected", "disconnected", "refused", "noted")
    words.reader.only(path, ("request", "attribute", *lists))
    meaning = Meaning(
        request=words.text(table, path, "request", usual.request),
        attribute=words.known(table, path, "attribute"),
        **{name: words.texts(table, path, name, getattr(usual, name)) for name in lists},
    )
    for one in sorted(set(meaning.reconnect) & set(meaning.disconnect)):
        words.reader.fault(("messages",), f"reason {one} cannot both connect and disconnect")
    answers = [*meaning.answers, meaning.request]
    for one in sorted({code for code in answers if answers.count(code) > 1}):
        words.reader.fault(("messages",), f"message {one} is given two meanings")
    return meaning


def _practice(words: Words) -> Practice:
    path, table = ("by_hand",), words.reader.table("by_hand")
    words.reader.only(path, ("before", "after"))
    usual = Practice()
    return Practice(
        before=words.number(table, path, "before", usual.before),
        after=words.number(table, path, "after", usual.after),
    )


def _path(words: Words, table: str, name: str) -> Path | None:
    values = words.reader.table(table)
    if name not in values:
        return None
    option = Option(name=name, kind="path", meaning="")
    value = words.reader.value((table, name), option, values)
    return value if isinstance(value, Path) else None


def _life_support(words: Words) -> frozenset[str]:
    """Meter points, one a line; what stands after ``#`` is a remark."""
    words.reader.only(("life_support",), ("file",))
    path = _path(words, "life_support", "file")
    if path is None:
        return frozenset()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    found = set()
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if text and not re.fullmatch(r"[0-9]{1,20}", text):
            words.reader.fault(
                ("life_support", "file"), f"{path.name}:{number} is no meter point of digits"
            )
        elif text:
            found.add(text)
    return frozenset(found)


def _running(words: Words) -> Running | None:
    path, table = ("exchange",), words.reader.table("exchange")
    if not table:
        return None
    words.reader.only(path, ("config", "destination", "every"))
    config = _path(words, "exchange", "config")
    destination = words.text(table, path, "destination")
    if config is None or not destination:
        words.reader.fault(path, "needs config, a path, and destination, a name")
        return None
    every = words.number(table, path, "every", 5.0, least=0.1)
    return Running(config=config, destination=destination, every=every)


def _rehearsing(words: Words) -> Rehearsing:
    path, table = ("rehearsal",), words.reader.table("rehearsal")
    usual = Rehearsing()
    names = ("stage", "requests", "outage", "seen", "phones", "answer")
    words.reader.only(path, names)

    def said(name: str) -> float:
        return words.number(table, path, name, float(getattr(usual, name)))

    return Rehearsing(
        stage=int(said("stage")),
        requests=int(said("requests")),
        outage=said("outage"),
        seen=said("seen"),
        phones=int(said("phones")),
        answer=said("answer"),
    )


def _contradictions(reader: TableReader, setup: Setup) -> None:
    """What cannot be meant."""
    model = setup.model
    try:
        zoneinfo.ZoneInfo(model.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        reader.fault(("model", "zone"), f"no time zone {model.zone!r}")
    for place, stage in enumerate(model.stages):
        _owner(reader, model, ("stage", place, "owner"), stage.owner)
    for place, level in enumerate(model.levels):
        _owner(reader, model, ("level", place, "owner"), level.owner)
    for name, owner in model.owners.items():
        _owner(reader, model, ("owner", name, "out_of_hours"), owner.out_of_hours)
        last = list(chain_of(model.owners, name))[-1]
        if last.out_of_hours in model.owners:
            reader.fault(("owner", name, "out_of_hours"), "the owners stand in for each other")
    if not ascending(model.levels):
        reader.fault(("level",), "each level comes later than the one before it")
    parts, total = model.backstop.parts, model.backstop.minutes
    if parts and abs(sum(one.minutes for one in parts) - total) > 1e-9:
        reader.fault(
            ("backstop", "parts"),
            f"the parts are {sum(one.minutes for one in parts):g} minutes, and the backstop is"
            f" {total:g}",
        )
    if len(model.backstop.alarms) < 2:
        reader.fault(("backstop", "warn"), "no share warns before the backstop")
    if model.stage(setup.rehearsing.stage) is None and "rehearsal" in reader.toml.data:
        reader.fault(("rehearsal", "stage"), f"there is no stage {setup.rehearsing.stage}")
    running = setup.running
    for place, stage in enumerate(model.stages):
        if running is not None and stage.destination not in ("", running.destination):
            reader.fault(
                ("stage", place, "destination"),
                f"requests go to {running.destination}, not to {stage.destination}",
            )


def _owner(reader: TableReader, model: Model, path: tuple[str | int, ...], name: str) -> None:
    if name and name not in model.owners:
        reader.fault(path, f"no [owner.{name}]", near_to=name, known=model.owners)
