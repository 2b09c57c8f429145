"""dflow: parse, check, write, route, clone and deliver the energy market's data flows."""

__all__: tuple[str, ...] = ()
