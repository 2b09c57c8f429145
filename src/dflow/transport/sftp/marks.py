"""What dflow keeps on an SFTP server, so that each key is delivered at most once.

In: keys and contents.  Out: marks, parts and answers.  This module does not know names
of deliveries or sidecars.

As in a local folder, but an attempt whose connection was lost may still be carried out by
the server later, and two hosts may try the same key at once.  So each attempt has a name
of its own:

1. the bytes are written to ``.dflow/KEY.ATTEMPT.part`` and synchronised;
2. a file that holds ATTEMPT is renamed to ``.dflow/KEY.sent``, which fails if that is
   there: of several attempts one is marked, for good;
3. ``KEY.ATTEMPT.part`` of the marked attempt is renamed to its final name, by whoever
   comes: a later attempt finishes an earlier one, and never starts anew.

Only the rename of step 3 takes a marked part away.  So a mark without its part means
delivered, for certain; anything else means not delivered, for certain.  A request that
comes late finds its source gone, or its target there, and does nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets

from attrs import frozen

from dflow.transport.directory_out import HIDDEN
from dflow.transport.faults import Refused, Unavailable, Uncertain
from dflow.transport.parcel import Presence
from dflow.transport.sftp.remote import Remote

__all__ = [
    "Home",
    "arm",
    "forget",
    "key_file",
    "marked",
    "mend",
    "open_home",
    "part_of",
    "presence",
]

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,99}")
_ATTEMPT = re.compile(rb"[0-9a-f]{16}")
_DAY = 86400.0


def key_file(key: str) -> bytes:
    """The name of a key's files, without their endings."""
    if _SAFE_KEY.fullmatch(key):
        return key.encode()
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest().encode()


@frozen
class Home:
    """A folder on the server: as it was given, without links, and dflow's own part of it."""

    path: bytes
    real: bytes
    hidden: bytes


async def open_home(remote: Remote, path: str) -> Home:
    """The folder, which must be there; dflow's own within it is made.

    Raises:
        Unavailable: there is no such folder.
        asyncssh.Error: it cannot be used.
    """
    given = path.encode("utf-8", "surrogateescape") or b"."
    found = await remote.look(given, follow=True)
    if found is None or not found.folder:
        raise Unavailable(
            f"{remote.server.place}: no folder {path}; make it there, or correct `path`"
        )
    real = (await remote.real(given)).rstrip(b"/")
    home = Home(given, real, real + b"/" + HIDDEN.encode())
    await remote.make(home.hidden)
    return home


async def marked(remote: Remote, home: Home, key: bytes) -> bytes | None:
    """The attempt that is marked for a key, if any.

    Raises:
        Uncertain: the mark cannot be understood.
    """
    import asyncssh

    try:
        attempt = await remote.read(home.hidden + b"/" + key + b".sent", 64)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None
    if not _ATTEMPT.fullmatch(attempt):
        name = f"{HIDDEN}/{key.decode()}.sent"
        raise Uncertain(
            f"{remote.server.place}: {name} is damaged, so nobody knows whether this key was "
            "delivered; look for the file, and remove the mark if it is not there"
        )
    return attempt


def part_of(home: Home, key: bytes, attempt: bytes) -> bytes:
    """Where the bytes of an attempt lie."""
    return home.hidden + b"/" + key + b"." + attempt + b".part"


async def presence(remote: Remote, home: Home, key: bytes) -> Presence:
    """Whether a key was delivered, for certain."""
    try:
        attempt = await marked(remote, home, key)
    except Uncertain:
        return Presence.UNKNOWN
    if attempt is None or await remote.look(part_of(home, key, attempt)) is not None:
        return Presence.ABSENT
    return Presence.PRESENT


async def arm(remote: Remote, home: Home, key: bytes, content: bytes) -> bytes:
    """Write the bytes and mark them; the attempt that is marked, ours or an earlier one."""
    attempt = secrets.token_hex(8).encode()
    part, mark = part_of(home, key, attempt), home.hidden + b"/" + key + b"." + attempt + b".mark"
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(remote.write(part, content))
            both.create_task(remote.write(mark, attempt))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    if await remote.move_new(mark, home.hidden + b"/" + key + b".sent"):
        return attempt
    await asyncio.gather(remote.remove(part), remote.remove(mark))
    earlier = await marked(remote, home, key)
    if earlier is None:
        raise Unavailable(f"{remote.server.place}: marks in {HIDDEN} come and go; try later")
    return earlier


async def mend(remote: Remote, part: bytes, content: bytes) -> bool:
    """Make the part of an earlier attempt whole; False if it was delivered since.

    It was synchronised before it was marked.  But a server that cannot synchronise may
    have lost power: then the same bytes are written into the same place again.

    Raises:
        Refused: the key was used for other content.
    """
    found = await remote.look(part)
    if found is None:
        return False
    if found.size > len(content):
        raise Refused("this key was given to other content before; give each parcel its own key")
    if found.size < len(content):
        await remote.write(part, content, new=False)
    return True


async def forget(remote: Remote, home: Home, keep: float) -> None:
    """Once a day, remove what is too old to be asked for; a mark goes before its part."""
    clock = home.hidden + b"/forgotten"
    last = await remote.look(clock)
    if last is not None:
        before = last.changed
        await remote.touch(home.hidden + b"/clock")
        now = await remote.look(home.hidden + b"/clock")
        if now is None or now.changed - before < _DAY:
            return
    await remote.touch(clock)
    now = await remote.look(clock)
    if now is None:
        return
    entries = {one.name: one for one in await remote.names(home.hidden) if one.regular}
    for name, entry in sorted(entries.items(), key=lambda one: not one[0].endswith(b".sent")):
        key, kind = name.split(b".", 1)[0], name.rsplit(b".", 1)[-1]
        limit = keep if kind == b"sent" else max(keep, _DAY) if kind != b"name" else _DAY
        if kind not in (b"sent", b"part", b"mark", b"notes", b"name"):
            continue
        if now.changed - entry.changed < limit:
            continue
        mark = entries.get(key + b".sent")
        if kind == b"part" and mark is not None and now.changed - mark.changed < keep:
            continue
        await remote.remove(home.hidden + b"/" + name)
