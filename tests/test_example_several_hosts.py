"""The example of several hosts: run with real servers, and its compose file held to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest

from services import place, require
from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "several_hosts"


def run(*words: str) -> str:
    require("postgres")
    require("nats")
    servers = [f"{name}={':'.join(map(str, place(name)))}" for name in ("postgres", "nats")]
    result = subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py"), *(f"--{one}" for one in servers), *words],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def check(told: str, files: int) -> None:
    for name in ("old-agent", "new-agent"):
        assert f"{name}: each of {files} files once" in told
    assert f"{2 * files} of {2 * files} deliveries are finished, by worker 2 alone" in told
    assert "clone migration:" in told
    assert told.endswith("all is well\n")
    taken_over = re.search(r"(\d+) taken over", told)
    assert taken_over is not None


def test_one_is_killed_and_one_is_cut_off() -> None:
    check(run("--files", "150"), 150)


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--proxy"]])
def test_the_same_with_more_files(words: list[str]) -> None:
    check(run("--files", "900", *words), 900)


def test_the_compose_file_has_what_the_configuration_asks_for() -> None:
    """Held together by hand-made reading: the project needs no YAML library."""
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())
    config = (EXAMPLE / "dflow.toml").read_text()
    tomllib.loads(config)
    services = compose["services"]
    assert set(services) == {"postgres", "nats", "gateway", "worker"}
    asked = set(re.findall(r'env = "(\w+)"', config))
    given = services["worker"]["environment"]
    assert set(given) == asked
    assert given["DFLOW_JOURNAL"].startswith("postgresql://postgres:5432/")
    assert given["DFLOW_JOURNAL"].endswith(services["postgres"]["environment"]["POSTGRES_DB"])
    assert given["DFLOW_NATS"] == "nats://nats:4222"
    assert "-js" in services["nats"]["command"]
    assert f"stream add {given['DFLOW_STREAM']} " in services["gateway"]["command"][-1]
    # What is stopped is the shell's process; and a worker is of this checkout.
    assert "&& exec dflow run" in services["worker"]["command"][-1]
    mounts = dict(one.split(":")[:2] for one in services["worker"]["volumes"])
    assert (EXAMPLE / "../.." / "pyproject.toml").is_file()
    assert (mounts["."], mounts["../.."]) == ("/example", "/dflow")
    named = {
        volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", ())
    }
    assert named - {".", "../.."} == set(compose["volumes"])
