"""Coverage-guided fuzzing of read and check with atheris, off the default run.

    pip install atheris
    PYTHONPATH=src python tests/fuzz.py tests/corpus tests/crashers -max_total_time=600

What it learns is kept in ``tests/corpus`` for the next run.  A crash leaves a file ``crash-…``
behind: give it a name, move it to ``tests/crashers``.
"""

from __future__ import annotations

import sys
from importlib import import_module

HEAD = b"ZHV|0000000001|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|\n"


def one_input(data: bytes) -> None:
    """The bytes as they are, and as the body of a D0010."""
    import dflow

    for whole in (data, HEAD + data):
        if bytes(dflow.read(whole)) != whole:
            raise AssertionError("bytes were lost")
        if dflow.check(whole) != dflow.check(whole, fast=False):
            raise AssertionError("the two ways differ")
        if tuple(dflow.scan(whole)) != dflow.read(whole).groups:
            raise AssertionError("scan and read differ")


def main() -> None:
    atheris = import_module("atheris")  # an outside tool, for this script alone
    with atheris.instrument_imports(include=["dflow"]):
        import dflow

        # The front door is lazy: what is fuzzed is imported, and so instrumented, here.
        for call in (dflow.read, dflow.scan, dflow.check):
            call(HEAD)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
