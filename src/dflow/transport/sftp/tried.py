"""Whether a folder on an SFTP server can be used, tried without leaving anything there.

In: a connection and a folder.  Out: words.  This module does not know what the folder is
for: who puts files there and who takes them need the same rights.
"""

from __future__ import annotations

import secrets

from dflow.transport.faults import Unavailable
from dflow.transport.sftp.remote import Remote

__all__ = ["try_folder"]


async def try_folder(remote: Remote, path: str) -> str:
    """What was reached, in words.

    Raises:
        Unavailable: there is no such folder, or no room.
        asyncssh.Error: it cannot be listed or written to.
    """
    import asyncssh

    server = remote.server
    given = path.encode("utf-8", "surrogateescape") or b"."
    found = await remote.look(given, follow=True)
    if found is None or not found.folder:
        raise Unavailable(f"{server.place}: no folder {path}; make it there, or correct `path`")
    real = (await remote.real(given)).rstrip(b"/")
    trial = real + b"/.dflow-check-" + secrets.token_hex(6).encode()
    try:
        await remote.claim(trial, b".")  # an empty file would fit on a full disk
    except asyncssh.SFTPFailure as error:
        if remote.dead or not await remote.full(given, 1):
            raise
        words = f"no space left for {path}; free some there"
        raise Unavailable(f"{server.place}: {words}") from error
    await remote.remove(trial)
    await remote.sync(real)
    shown = (real or b"/").decode("utf-8", "backslashreplace")
    kept = "writable" if remote.syncs else "writable, but the server cannot synchronise its disk"
    return f"{server.place} as {server.user}: folder {shown}, {kept}"
