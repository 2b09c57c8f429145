"""Typed models: values instead of fields, generated from the catalogue.

The models that come with dflow are in `dflow.flows`; here is what they are made with,
and what reads them.
"""

from dflow.typed.faulty import Faulty, Undecodable, faults
from dflow.typed.reader import FlowModule, read
from dflow.typed.shape import Children, FlowShape, GroupShape, Model, Values, flow_shape
from dflow.typed.view import decode, from_group, to_group

__all__ = [
    "Children",
    "Faulty",
    "FlowModule",
    "FlowShape",
    "GroupShape",
    "Model",
    "Undecodable",
    "Values",
    "decode",
    "faults",
    "flow_shape",
    "from_group",
    "read",
    "to_group",
]
