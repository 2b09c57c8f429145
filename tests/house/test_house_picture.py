"""The picture of the house is drawn from the contract that holds it up."""

from __future__ import annotations

import runpy

from support import CHECKOUT


def test_the_picture_is_the_contract() -> None:
    drawn = runpy.run_path(str(CHECKOUT / "docs" / "house_picture.py"))
    committed = (CHECKOUT / "docs" / "explanation" / "house.svg").read_text("utf-8")
    assert drawn["picture"]() == committed, "run: python docs/house_picture.py"
    rooms = {room for _, rooms in drawn["floors"]() for room in rooms}
    assert {"errors", "records", "exchange", "testing"} <= rooms
