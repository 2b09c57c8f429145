"""Typed models of every flow version whose structure is known, one module each.

``from dflow.flows import d0010_002``: nothing is imported until it is asked for.  The
modules are generated from the catalogue by ``dflow catalogue models``; how things are
named is written in `dflow.typed.names`.
"""
