"""An MPAN's flows in order, and the answers that never came."""

from dflow.timeline.answers import Awaited, State, awaited
from dflow.timeline.pairs import Pair, Pairs, load_pairs, pairs_from
from dflow.timeline.sightings import Sighting, Skipped, Timeline, timeline

__all__ = [
    "Awaited",
    "Pair",
    "Pairs",
    "Sighting",
    "Skipped",
    "State",
    "Timeline",
    "awaited",
    "load_pairs",
    "pairs_from",
    "timeline",
]
