"""Writing: values to groups, groups to files whose counts are right, files to bytes."""

from dflow.writer.build import Model, build, group, plain_value
from dflow.writer.counts import Counts, count, recounted, renumbered, resummed
from dflow.writer.refusal import RefusedFlow, accepted
from dflow.writer.save import save, write

__all__ = [
    "Counts",
    "Model",
    "RefusedFlow",
    "accepted",
    "build",
    "count",
    "group",
    "plain_value",
    "recounted",
    "renumbered",
    "resummed",
    "save",
    "write",
]
