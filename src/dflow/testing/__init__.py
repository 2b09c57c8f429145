"""The testing kit: strategies, faults, generators, conformance kits, test doubles.

Nothing is imported here, so that each part costs only what it needs; Hypothesis is an
extra, and only `dflow.testing.strategies` and its neighbours ask for it.
"""

__all__: tuple[str, ...] = ()
