"""A contingency: a chain of stages, failures, requests against a backstop, back-fixing."""

from dflow.contingency.cases import Alarm, BackFix, ByHand, Failure, Request
from dflow.contingency.checking import remarks
from dflow.contingency.config import Meaning, Practice, Rehearsing, Running, Setup, load_setup
from dflow.contingency.hours import Gap, Hours, Owner, gaps, hours_from, on_duty
from dflow.contingency.message import MarketMessage, read_message, write_message
from dflow.contingency.model import (
    Backstop,
    Difference,
    Level,
    Model,
    Part,
    Stage,
    differences,
)
from dflow.contingency.standing import Standing

__all__ = [
    "Alarm",
    "BackFix",
    "Backstop",
    "ByHand",
    "Difference",
    "Failure",
    "Gap",
    "Hours",
    "Level",
    "MarketMessage",
    "Meaning",
    "Model",
    "Owner",
    "Part",
    "Practice",
    "Rehearsing",
    "Request",
    "Running",
    "Setup",
    "Stage",
    "Standing",
    "differences",
    "gaps",
    "hours_from",
    "load_setup",
    "on_duty",
    "read_message",
    "remarks",
    "write_message",
]
