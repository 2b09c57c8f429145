"""A clone campaign: parallel running until a new agent holds everything, proved complete."""

__all__: tuple[str, ...] = ()
