"""The example of a cut-over, run whole: what its reader would sign."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from dflow.cli import main
from support_process import example, ran

THIRTEEN = (
    "D0089 v002, D0091 v002, D0204 v002, D0213 v002, D0217 v002, D0259 v002, D0260 v002,"
    " D0306 v002, D0307 v002, D0308 v002, D0309 v002, D0312 v002, D0386 v001."
)


def test_stage_0_fails_with_the_old_rules_and_passes_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, _ = (example(name, tmp_path) for name in ("stage_0", "dtc_12_5"))
    said = ran(here / "run.py")
    failed, passed = said.split("Dress rehearsal: ")[1:3]
    verdict = "The rehearsal failed: 13 flows of release 12.5 were not delivered: "
    assert f"{verdict}{THIRTEEN}" in failed
    assert "The rehearsal passed: all 76 files became what they had to." in passed
    assert "Every step is done; 2 files left for a person." in said

    out = here / "out"
    with (out / "work" / "confirmation-X-UDMS.csv").open(encoding="utf-8") as lines:
        told = list(csv.DictReader(lines))
    assert [one["file_id"] for one in told] == [f"{n:010d}" for n in (1, 2, 3, 6, 7)]
    assert {one["deliveries"].split(", ")[0] for one in told} == {"delivered"}
    words = json.loads((out / "work" / "confirmation-X-UDMS.json").read_text("utf-8"))
    assert "no market flow" in words["what"]
    assert (out / "areas" / "udms" / "confirmation-X-UDMS.csv").exists()
    log = (out / "work" / "status.txt").read_text("utf-8")
    updates = [line for line in log.splitlines() if line.startswith("  Update (")]
    assert "everything that came is accounted for" in updates[0]
    assert len(updates) == 13
    enquiry, registration, merged = (
        {line.split(",")[0] for line in path.read_text("utf-8").splitlines()}
        for path in (out / "enquiry.csv", out / "registration.csv", out / "work" / "merged.csv")
    )
    assert merged == enquiry | registration
    for name in ("failed", "plan", "rehearsal", "report"):
        assert "<svg" in (out / f"{name}.html").read_text("utf-8")

    # The reports of what is gone are listed as removable on their day, and not before.
    plan = str(here / "plan.toml")
    assert main(["cutover", "status", plan, "--at", "2019-09-30"]) == 0
    assert "may be removed" not in capsys.readouterr().out
    assert main(["cutover", "status", plan, "--at", "2019-10-01"]) == 0
    assert "reports of D0312 may be removed now" in capsys.readouterr().out
    assert (out / "old-reports" / "D0312-2019-06-27.txt").exists()
