"""A PostgreSQL server of a test's own, which it may kill: made in a folder, on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from services import free_port, missing


@frozen
class Cluster:
    """A server of one's own.

    Attributes:
        port: on 127.0.0.1; the user is postgres, and no password is asked for.
        data: its folder.
        start: a program that starts it, and waits until it answers.
    """

    port: int
    data: Path
    start: Path


def _programs() -> Path:
    """Where Debian, or the path, has the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path))
    if not found:
        missing("no program initdb")
    return found[-1].parent


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new server in a new folder; at the end neither is left."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _cluster(Path(folder))


def _cluster(folder: Path) -> Iterator[Cluster]:
    programs, home, data = _programs(), folder / "pg", folder / "pg" / "data"
    folder.chmod(0o711)
    home.mkdir()
    # The server refuses to run as root, so then it runs as the user of the package.
    prefix: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    port = free_port()
    subprocess.run(
        [*prefix, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    start = folder / "start.sh"
    options = f"-p {port} -k {home} -h 127.0.0.1"
    command = f'{programs}/pg_ctl -D {data} -o "{options}" -w -l {home}/log start'
    start.write_text(f"#!/bin/sh\ncd /\nexec {' '.join(prefix)} {command}\n")
    start.chmod(0o755)
    subprocess.run([str(start)], check=True, stdout=subprocess.DEVNULL)
    try:
        yield Cluster(port, data, start)
    finally:
        subprocess.run(
            [*prefix, str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
        )
