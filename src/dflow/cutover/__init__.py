"""A cut-over: a dated plan of steps, rehearsed on a copy, run, and reconciled."""

from dflow.cutover.classify import Classified, Rejection, classify
from dflow.cutover.comparing import Comparison, compare, merge
from dflow.cutover.config import load_plan
from dflow.cutover.confirming import Confirmation, confirmations
from dflow.cutover.gate import cutover_changes, gate_rules, side_of
from dflow.cutover.plan import CutoverPlan, Step
from dflow.cutover.reconcile import Reconciliation, reconcile
from dflow.cutover.rehearsal import Rehearsed, rehearse
from dflow.cutover.related import Related, relate
from dflow.cutover.releasing import Freed, affected, release_side, reprocess
from dflow.cutover.running import Hand, Run, by_hand, ledger_of, run_due
from dflow.cutover.standing import Standing, standing_of
from dflow.cutover.world import World, real_world

__all__ = [
    "Classified",
    "Comparison",
    "Confirmation",
    "CutoverPlan",
    "Freed",
    "Hand",
    "Reconciliation",
    "Rehearsed",
    "Rejection",
    "Related",
    "Run",
    "Standing",
    "Step",
    "World",
    "affected",
    "by_hand",
    "classify",
    "compare",
    "confirmations",
    "cutover_changes",
    "gate_rules",
    "ledger_of",
    "load_plan",
    "merge",
    "real_world",
    "reconcile",
    "rehearse",
    "relate",
    "release_side",
    "reprocess",
    "run_due",
    "side_of",
    "standing_of",
]
