"""An object store as a destination: whole objects, each key once.

In: parcels.  Out: objects.  This module does not know flows.

A store cannot rename, but it can put an object only if none of its name is there.  So the
name of every object holds its key, and sending is three such puts:

1. ``.dflow/keys/KEY.begun``, which says the name that the object will have;
2. the object itself, whole or not at all;
3. ``.dflow/keys/KEY.sent``.

Whoever finds the object there finds his own, as no other key has its name.  Then it is
certain: without ``begun`` nothing was sent; with ``sent``, or with the object in its place,
it was.  What is left is ``begun`` without the object and without ``sent``: the process, or
the line, died at step 2, and either the object was never put, or it was put and taken
away before step 3.  Which of them depends on the recipient:

- ``dflow``: an `ObjectInbox` leaves ``KEY.taken`` before it takes an object away, so
  without it nothing was sent, for certain;
- ``leaves``: objects stay longer than an attempt takes, so nothing was sent, for certain;
- ``takes``: nobody can know, and the answer is UNKNOWN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal

from attrs import define, field

from dflow.transport.faults import Refused, TransportError, Unavailable
from dflow.transport.names import fill_template, template_mistakes
from dflow.transport.objects.marks import ID, beside, mark, to_words
from dflow.transport.objects.place import ObjectPlace, Taken
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.wire import headers_of

__all__ = ["ObjectOutbox", "Recipient"]

#: What the recipient does with the objects.
Recipient = Literal["dflow", "leaves", "takes"]

_SMALL = 1 << 20
_OWN = re.compile(r"[0-9a-f]{32}")


def _usable(_: object, __: object, template: str) -> None:
    mistakes = template_mistakes(template)
    if "{key}" not in template:
        mistakes.append("the name has to hold {key}: two deliveries must not share one")
    if template.startswith("."):
        mistakes.append("the name may not start with a dot: dflow's own objects do")
    if mistakes:
        raise ValueError("; ".join(mistakes))


@define(eq=False, kw_only=True)
class ObjectOutbox:
    """An outbox into an object store.

    Attributes:
        place: the store.
        template: the objects' names, from `dflow.transport.names.TEMPLATE_WORDS`; with
            ``{key}`` in it.
        recipient: what the recipient does with the objects.
    """

    place: ObjectPlace
    template: str = field(default="{key}/{name}", validator=_usable)
    recipient: Recipient = "takes"

    @property
    def capabilities(self) -> Capabilities:
        """It is idempotent, and answers for certain but in the case told above."""
        durable = self.place.durable
        return Capabilities(probes=True, idempotent=True, durable=durable, notes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Put the parcel, once.

        Raises:
            Refused: its name cannot be an object's here.
            Unavailable: nothing was put, for certain.
            Uncertain: it may have been put.
        """
        path = self._path(parcel)
        try:
            begun = await self._begin(parcel, path)
        except TransportError as error:
            # The mark may be there or not: the object is not, by this attempt.
            raise Unavailable(str(error)) from error
        if begun is not None:
            path = begun
            if await self._is_there(parcel.key, path):
                return Receipt(key=parcel.key, place=path, repeat=True)
        headers = headers_of(parcel)
        words = to_words(headers) if self.place.keeps_headers else None
        if words is None:
            await self._beside(path, headers)
        repeat = False
        try:
            await self.place.put(path, parcel.content, headers=words)
        except Taken:
            repeat = True
        try:
            await self._mark(parcel.key, "sent")
        except TransportError:
            # It is delivered; the mark only matters if the journal loses this receipt as well.
            return Receipt(key=parcel.key, place=path, repeat=repeat)
        return Receipt(key=parcel.key, place=path, repeat=repeat)

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT for certain; UNKNOWN only in the case told above.

        Raises:
            Unavailable: the store cannot be asked now.
        """
        begun = await self.place.get(mark(key, "begun"), largest=_SMALL)
        if begun is None:
            return Presence.ABSENT
        path = _path_of(begun[0])
        if path is None or await self._is_there(key, path):
            return Presence.UNKNOWN if path is None else Presence.PRESENT
        return Presence.UNKNOWN if self.recipient == "takes" else Presence.ABSENT

    async def check(self) -> str:
        """Ask for an object that nobody has; nothing is put.

        Raises:
            TransportError: the store cannot be reached, or does not trust these credentials.
        """
        await self.place.get(mark("dflow check", "begun"), largest=_SMALL)
        return f"{self.place.shown} can be read; whether it can be written to was not tried"

    def _path(self, parcel: Parcel) -> str:
        key = parcel.key if _OWN.fullmatch(parcel.key) else ID(parcel.key)
        path = fill_template(self.template, name=parcel.name, key=key, address=parcel.address)
        if len(path.as_posix()) > 900:
            raise Refused(f"{self.place.shown}: the object's name is too long")
        return path.as_posix()

    async def _begin(self, parcel: Parcel, path: str) -> str | None:
        """Say what is to be put; where it is to be if that was said before."""
        said = json.dumps({"path": path}).encode()
        try:
            await self.place.put(mark(parcel.key, "begun"), said)
        except Taken:
            before = await self.place.get(mark(parcel.key, "begun"), largest=_SMALL)
            found = _path_of(before[0]) if before else None
            if found is None:
                name = mark(parcel.key, "begun")
                raise Unavailable(f"{self.place.shown}: {name} is not what it was") from None
            return found
        return None

    async def _is_there(self, key: str, path: str) -> bool:
        """Whether the object is there or was; asked in the order in which things vanish."""
        if await self.place.get(mark(key, "sent"), largest=_SMALL) is not None:
            return True
        if await self.place.look(path) is not None:
            return True
        return await self.place.get(mark(key, "taken"), largest=_SMALL) is not None

    async def _beside(self, path: str, headers: Mapping[str, str]) -> None:
        try:
            await self.place.put(beside(path), json.dumps(dict(headers)).encode())
        except Taken:
            return
        except TransportError as error:
            raise Unavailable(str(error)) from error

    async def _mark(self, key: str, word: str) -> None:
        try:
            await self.place.put(mark(key, word), b"")
        except Taken:
            return


def _path_of(said: bytes) -> str | None:
    try:
        path = json.loads(said)["path"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(path, str):
        return None
    # A name that fill_template makes; anything else was put there by another hand.
    plain = all(part and not part.startswith(".") for part in path.split("/"))
    return path if plain else None
