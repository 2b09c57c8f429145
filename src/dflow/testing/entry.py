"""What Hypothesis learns of dflow when it starts, through its entry point.

In: nothing.  Out: `st.from_type` gives realistic values for `Header`, `Flow` and every
typed model, from the moment its module is imported.
This module does not build a strategy until one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["register"]


def register() -> None:
    """Tell Hypothesis how values of dflow's types are made (its entry point calls this)."""
    from hypothesis import strategies as st

    from dflow.envelope import Header
    from dflow.flow import Flow
    from dflow.typed.shape import FlowShape, tell_of_shapes

    def flow_strategy(_type: type[Flow]) -> st.SearchStrategy[Flow]:
        from dflow.testing.strategies import flows

        return flows()

    def header_strategy(_type: type[Header]) -> st.SearchStrategy[Header]:
        from dflow.testing.strategies import headers

        return headers()

    def models_strategy(shape: FlowShape[Any]) -> Callable[[type[Any]], st.SearchStrategy[Any]]:
        def strategy(model: type[Any]) -> st.SearchStrategy[Any]:
            from dflow.testing.models import models_of

            return models_of(model, shape)

        return strategy

    def models(shape: FlowShape[Any]) -> None:
        for group in shape.shapes.values():
            st.register_type_strategy(group.model, models_strategy(shape))

    tell_of_shapes(models)
    st.register_type_strategy(Flow, flow_strategy)
    st.register_type_strategy(Header, header_strategy)
