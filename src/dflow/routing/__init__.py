"""Routing: rules over addresses, decided for any instant, explained and analysed.

Knows addresses and destination names; does not know transports.
"""

from dflow.routing.decision import Considered, Copy, Decision, Outcome
from dflow.routing.match import Matching, Miss, instances
from dflow.routing.resolve import Predicate
from dflow.routing.routes import Routes
from dflow.routing.rule import Destination, FileValues, Rule, RuleKind, Target, ValueList
from dflow.routing.selectors import (
    FlowChoice,
    FlowPattern,
    ItemIn,
    ListRef,
    PartyChoice,
    PartyPattern,
    VersionRange,
    WordChoice,
    WordPattern,
)
from dflow.routing.syntax import grammar_text
from dflow.routing.values import ValueSet
from dflow.routing.window import Moment, Window

__all__ = [
    "Considered",
    "Copy",
    "Decision",
    "Destination",
    "FileValues",
    "FlowChoice",
    "FlowPattern",
    "ItemIn",
    "ListRef",
    "Matching",
    "Miss",
    "Moment",
    "Outcome",
    "PartyChoice",
    "PartyPattern",
    "Predicate",
    "Routes",
    "Rule",
    "RuleKind",
    "Target",
    "ValueList",
    "ValueSet",
    "VersionRange",
    "Window",
    "WordChoice",
    "WordPattern",
    "grammar_text",
    "instances",
]
