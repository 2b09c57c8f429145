"""An exchange between folders, as the configuration in a folder of a test's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def configured(
    folder: Path,
    rules: str,
    mounts: Mapping[str, str],
    *,
    routes: str = "",
    source: str = 'ready = "named"\n',
    more: str = "",
) -> Path:
    """The path of `dflow.toml`, written beside its rules, `x.routes`, and the folder `in`.

    Args:
        folder: where they are.
        rules: what the rules say.
        mounts: the folder of each destination.
        routes: more lines in the table of the rules.
        source: more lines in the table of the source, `gateway`, which takes from `in`.
        more: tables that come last.
    """
    (folder / "in").mkdir(exist_ok=True)
    (folder / "x.routes").write_text(rules, "utf-8")
    path = folder / "dflow.toml"
    ends = "".join(_end(f"mount.{name}", place) for name, place in mounts.items())
    text = f'[routes]\nfile = "x.routes"\n{routes}{_end("source.gateway", "in")}{source}'
    path.write_text(f"{text}{ends}{more}", "utf-8")
    return path


def _end(name: str, place: str) -> str:
    return f'[{name}]\ntransport = "directory"\npath = "{place}"\n'
