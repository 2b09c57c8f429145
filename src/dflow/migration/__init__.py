"""A migration plan: daily volumes under limits, allocated, enforced, planned against actual."""

__all__: tuple[str, ...] = ()
