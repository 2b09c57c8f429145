"""A migration plan: daily volumes under limits, allocated, enforced, planned against actual."""

from dflow.migration.allocation import METHODS, Allocation, Grant, Method, Request, allocate
from dflow.migration.config import Setup, load_setup
from dflow.migration.fairness import SizeTest, favours_size
from dflow.migration.gate import MigrationGate
from dflow.migration.limits import Calendar, Limit, Ramp
from dflow.migration.parties import PartiesByAddress
from dflow.migration.plan import Breach, Plan, Sprint, Supplier, check
from dflow.migration.rehearsal import Rehearsed, rehearse
from dflow.migration.reverse import Excepted, Move, Reverse, reverse_of, reverses
from dflow.migration.running import Actual, actual, run_plan
from dflow.migration.tranches import Application, Assigned, assign_tranches
from dflow.migration.versions import differences
from dflow.migration.volumes import Volumes, read_volumes
from dflow.migration.whatif import Change, Outlook, what_if
from dflow.operation import Difference

__all__ = [
    "METHODS",
    "Actual",
    "Allocation",
    "Application",
    "Assigned",
    "Breach",
    "Calendar",
    "Change",
    "Difference",
    "Excepted",
    "Grant",
    "Limit",
    "Method",
    "MigrationGate",
    "Move",
    "Outlook",
    "PartiesByAddress",
    "Plan",
    "Ramp",
    "Rehearsed",
    "Request",
    "Reverse",
    "Setup",
    "SizeTest",
    "Sprint",
    "Supplier",
    "Volumes",
    "actual",
    "allocate",
    "assign_tranches",
    "check",
    "differences",
    "favours_size",
    "load_setup",
    "read_volumes",
    "rehearse",
    "reverse_of",
    "reverses",
    "run_plan",
    "what_if",
]
