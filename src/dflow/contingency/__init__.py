"""Contingency: failures in a chain of stages, clocked to their backstop and back-fixed."""

__all__: tuple[str, ...] = ()
