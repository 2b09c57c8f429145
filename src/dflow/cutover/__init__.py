"""A cut-over: a dated plan of steps, rehearsed on a copy, run, and reconciled."""

__all__: tuple[str, ...] = ()
