"""What Hypothesis learns of dflow when it starts, through its entry point.

In: nothing.  Out: `st.from_type(Header)` and `st.from_type(Flow)` give realistic values.
This module does not build a strategy until one is asked for.
"""

from __future__ import annotations

__all__ = ["register"]


def register() -> None:
    """Tell Hypothesis how values of dflow's types are made (its entry point calls this)."""
    from hypothesis import strategies as st

    from dflow.envelope import Header
    from dflow.flow import Flow

    def flow_strategy(_type: type[Flow]) -> st.SearchStrategy[Flow]:
        from dflow.testing.strategies import flows

        return flows()

    def header_strategy(_type: type[Header]) -> st.SearchStrategy[Header]:
        from dflow.testing.strategies import headers

        return headers()

    st.register_type_strategy(Flow, flow_strategy)
    st.register_type_strategy(Header, header_strategy)
