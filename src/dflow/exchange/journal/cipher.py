"""Payloads sealed at rest: bytes to bytes that only the key's owner can read, and back.

In: a key, or several, newest first; bytes.  Out: sealed bytes, or the bytes again.  This
module does not know where sealed bytes are kept, nor what is in them.

AES-256 in Galois counter mode, a fresh nonce of 96 bits for each payload, from the extra
``encrypt``.  Sealed bytes say which key sealed them, by an identifier that tells nothing
of the key, so that a key can be replaced: the new one is put before the old one, which
opens what it sealed until that is gone.  The keys of the cipher and of file names are
derived from the key that is given, so that neither is used for the other.  Nonces are
random: replace a key before it has sealed 2**32 payloads.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from dflow.exchange.journal.port import JournalError
from dflow.transport.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Cipher", "new_key"]

_MAGIC = b"\x00dflow-sealed-1\x00"
_NONCE = 12
#: Characters of a key's identifier.
_ID = 8


def new_key() -> str:
    """A key made by chance, as the text that a configuration's environment holds."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _key(text: str) -> bytes:
    """The 32 bytes of one key's text; its value is never told."""
    try:
        plain = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        plain = b""
    if len(plain) != 32:
        raise JournalError(
            "the journal's key is not 32 bytes in base64; make one with: openssl rand -base64 32"
        )
    return plain


def _derived(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"dflow journal {use}".encode(), hashlib.sha256)


@frozen
class _Key:
    id: str
    seals: AESGCM = field(repr=False)
    names: bytes = field(repr=False)


@frozen(kw_only=True)
class Cipher:
    """Seals payloads with the first of its keys, and opens them with any.

    Attributes:
        key_id: which key seals, as it is told in messages and kept beside what it sealed.
    """

    key_id: str
    _keys: Mapping[str, _Key] = field(repr=False)

    @classmethod
    def of(cls, secret: Secret) -> Cipher:
        """A cipher of one key, or of several with commas between them, newest first.

        Raises:
            JournalError: if it is no key, or the extra is not installed.
        """
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise JournalError(
                "encrypted payloads need the extra: pip install dflow[encrypt]"
            ) from None
        keys: dict[str, _Key] = {}
        for text in re.split(r"[,\s]+", secret.reveal().strip()):
            plain = _key(text)
            id_ = _derived(plain, "id").hex()[:_ID]
            keys[id_] = _Key(id_, AESGCM(_derived(plain, "payload")), _derived(plain, "name"))
        return cls(key_id=next(iter(keys)), keys=keys)

    def knows(self, key_id: str) -> bool:
        """Whether this cipher has the key of that identifier."""
        return key_id in self._keys

    def seal(self, content: bytes) -> bytes:
        """The bytes, sealed by the newest key."""
        head = _MAGIC + self.key_id.encode()
        nonce = os.urandom(_NONCE)
        return head + nonce + self._keys[self.key_id].seals.encrypt(nonce, content, head)

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed, proved to be unchanged.

        Raises:
            JournalError: if they were not sealed here, were changed, or the key is not known.
        """
        from cryptography.exceptions import InvalidTag

        start = len(_MAGIC) + _ID
        head, nonce, body = sealed[:start], sealed[start : start + _NONCE], sealed[start + _NONCE :]
        if not head.startswith(_MAGIC):
            raise JournalError("these bytes are not sealed")
        key = self._keys.get(head[len(_MAGIC) :].decode("latin-1"))
        if key is None:
            raise JournalError("they are sealed with a key that is not given")
        try:
            return key.seals.decrypt(nonce, body, head)
        except (InvalidTag, ValueError):
            raise JournalError("sealed bytes were changed, and cannot be opened") from None

    def name(self, hash_: str, key_id: str) -> str:
        """A file name for the payload of a hash, from which the hash cannot be told.

        Raises:
            JournalError: if the key is not known.
        """
        key = self._keys.get(key_id)
        if key is None:
            raise JournalError(f"payload {hash_[:12]} is sealed with key {key_id}, not given")
        return hmac.digest(key.names, hash_.encode(), hashlib.sha256).hex()
