"""What the project's own checks run: services first, and none of their tests skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from services import DEFAULTS
from support import CHECKOUT

_SERVICES = CHECKOUT / ".ci" / "services"
#: Nobody listens at port 1 of loopback.
_NOWHERE = {f"DFLOW_TEST_{name.upper()}": "127.0.0.1:1" for name in DEFAULTS}


def run(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_SERVICES)],
        env={"PATH": str(folder), "DFLOW_SBIN": str(folder), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A machine on which nothing is installed."""
    for name in ("bash", "env", "sed", "seq", "sort", "tail", "sleep", "mkdir", "find"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
    (folder / name).chmod(0o755)


def test_tests_that_need_a_server_fail_without_it() -> None:
    lines = (CHECKOUT / ".ci" / "run").read_text("utf-8").splitlines()
    for one in (".ci/services", "export DFLOW_REQUIRE_SERVICES=1"):
        assert lines.index(one) < lines.index('eval "$command"')
    assert os.access(_SERVICES, os.X_OK)


def test_without_the_right_to_install_it_says_what_to_install(bare: Path) -> None:
    program(bare, "id", "echo 1000")
    told = run(bare, **_NOWHERE)
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].strip() == (
        "services:     apt-get update && apt-get install -y --no-install-recommends nats-server"
        " rabbitmq-server redis-server postgresql openssh-server chromium graphviz iproute2"
    )


def test_as_root_it_installs_what_is_missing_and_nothing_else(bare: Path) -> None:
    program(bare, "id", "echo 0")
    log = bare / "log"
    program(bare, "apt-get", f'echo "$*" >> {log}')
    for name in ("sshd", "dot", "chromium", "ip", "redis-server", "pg_ctlcluster"):
        program(bare, name, "exit 0")
    told = run(bare, **_NOWHERE)
    assert told.returncode == 1  # the servers are said to be elsewhere, and are not there
    assert log.read_text().splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends nats-server rabbitmq-server",
    ]
    for name in DEFAULTS:
        assert f"no {name} at 127.0.0.1:1, where DFLOW_TEST_{name.upper()} says" in told.stderr


def test_what_cannot_be_installed_stops_it(bare: Path) -> None:
    program(bare, "id", "echo 0")
    program(bare, "apt-get", "exit 100")
    assert run(bare, **_NOWHERE).returncode == 100
