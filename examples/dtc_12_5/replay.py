"""June 2019 again: the routes that DTC 12.5 lacks, found in April, drafted, and covered.

Run it from anywhere: ``python examples/dtc_12_5/replay.py``.
"""

from __future__ import annotations

from pathlib import Path

from dflow.catalogue import bundled
from dflow.envelope import Party
from dflow.routing import Routes
from dflow.routing.changeset import draft
from dflow.routing.coverage import coverage

PARTIES = (Party("P", "XXXX"), Party("X", "UDMS"))


def main() -> None:
    """Tell the story."""
    before = Routes.load(Path(__file__).with_name("before.routes"))
    catalogue = bundled()
    release = catalogue.release("12.5")

    gaps = coverage(before, release, PARTIES, catalogue=catalogue)
    print(f"DTC {gaps.release}, live {gaps.day}: {len(gaps.missing_flows)} flows without a route")
    for line in gaps.missing:
        print(f"  {line}")
    print("left over:")
    for leftover in gaps.leftovers:
        print(f"  {leftover}")

    changes = draft(before, gaps)
    print(f"\nthe draft, {len(changes.additions)} rules:\n\n{changes}")

    after = changes.apply(before)
    left = coverage(after, release, PARTIES, catalogue=catalogue)
    print(f"after the draft: {len(left.missing_flows)} flows without a route")
    print(f"reversed, the rules are as before: {changes.reverse(after) == before}")


if __name__ == "__main__":
    main()
