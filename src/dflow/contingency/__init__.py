"""A contingency: a chain of stages, failures, requests against a backstop, back-fixing."""

from dflow.contingency.cases import Alarm, BackFix, ByHand, Failure, Request
from dflow.contingency.checking import remarks
from dflow.contingency.config import (
    Meaning,
    Practice,
    Rehearsing,
    Running,
    Setup,
    load_model,
    load_setup,
)
from dflow.contingency.counts import (
    Counted,
    Counts,
    counts_from_message,
    day_of,
    read_counts,
    reconcile,
)
from dflow.contingency.desk import ActRefused, Desk, desk_of
from dflow.contingency.figures import Figures, figures, percentile, queue
from dflow.contingency.gate import ContingencyGate
from dflow.contingency.hours import Gap, Hours, Owner, gaps, hours_from, on_duty
from dflow.contingency.live import acting, run_contingency, standing_of
from dflow.contingency.message import MarketMessage, read_message, write_message
from dflow.contingency.model import (
    Backstop,
    Level,
    Model,
    Part,
    Stage,
    differences,
)
from dflow.contingency.rehearsal import Rehearsed, rehearse
from dflow.contingency.running import Round, Rounds, held_for_life, read_any
from dflow.contingency.standing import Standing
from dflow.operation import Difference

__all__ = [
    "ActRefused",
    "Alarm",
    "BackFix",
    "Backstop",
    "ByHand",
    "ContingencyGate",
    "Counted",
    "Counts",
    "Desk",
    "Difference",
    "Failure",
    "Figures",
    "Gap",
    "Hours",
    "Level",
    "MarketMessage",
    "Meaning",
    "Model",
    "Owner",
    "Part",
    "Practice",
    "Rehearsed",
    "Rehearsing",
    "Request",
    "Round",
    "Rounds",
    "Running",
    "Setup",
    "Stage",
    "Standing",
    "acting",
    "counts_from_message",
    "day_of",
    "desk_of",
    "differences",
    "figures",
    "gaps",
    "held_for_life",
    "hours_from",
    "load_model",
    "load_setup",
    "on_duty",
    "percentile",
    "queue",
    "read_any",
    "read_counts",
    "read_message",
    "reconcile",
    "rehearse",
    "remarks",
    "run_contingency",
    "standing_of",
    "write_message",
]
