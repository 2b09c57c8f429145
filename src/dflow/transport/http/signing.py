"""Signatures of HTTP requests, by schemes that can be exchanged.

In: the words of a request that are to be trusted.  Out: headers that sign them, or why a
request is not to be trusted.  This module does not know the network or the body: the
body is covered by the hash in its ``Content-Digest`` header, which is signed.

The built-in schemes write the headers ``Signature-Input`` and ``Signature`` in the form of
RFC 9421, with the label ``dflow`` and the algorithms ``hmac-sha256`` and
``rsa-pss-sha512``.  They read what they write, and no more of that standard: it is a
form that other software can check, not a full implementation.

Signed are the method, the path, the query, the idempotency key, the hash of the body,
every ``dflow-`` header, the time, and the name of the key.  The host is not signed, as
proxies change it: give each receiver a secret of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from dflow.transport.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import PSS
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA512

__all__ = [
    "DIGEST",
    "IDEMPOTENCY",
    "HmacSha256",
    "HttpWords",
    "RsaPss",
    "RsaPssPublic",
    "Signer",
    "Verifier",
    "digest_of",
    "signature_base",
]

#: The header of the idempotency key.
IDEMPOTENCY = "idempotency-key"
#: The header of the body's hash.
DIGEST = "content-digest"

_LABEL = "dflow"
_INPUT = re.compile(
    rf'{_LABEL}=(\(("[@a-z0-9\-]+"(?: "[@a-z0-9\-]+")*)\);created=([0-9]{{1,12}})'
    r';keyid="([\x20\x21\x23-\x5b\x5d-\x7e]*)";alg="([a-z0-9\-]+)")'
)
_VALUE = re.compile(rf"{_LABEL}=:([A-Za-z0-9+/=]+):")


@frozen(kw_only=True)
class HttpWords:
    """The words of a request that a signature covers.

    Attributes:
        method: such as ``POST``.
        path: as it stands in the request, percent-encoded.
        query: what follows the question mark; empty for none.
        headers: by lower-case name.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}


class Signer(Protocol):
    """A scheme's half that signs: a secret or a private key."""

    def sign(self, words: HttpWords) -> Mapping[str, str]:
        """The headers to add to a request."""
        ...


class Verifier(Protocol):
    """A scheme's half that verifies: a secret or a public key."""

    def verify(self, words: HttpWords) -> str:
        """Why the request is not to be trusted; empty if it is."""
        ...


def digest_of(content: bytes) -> str:
    """A body's ``Content-Digest``, by SHA-256.

    >>> digest_of(b"")
    'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'
    """
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def signature_base(words: HttpWords, covered: Sequence[str], params: str) -> bytes:
    """What is signed: a line for each covered component, and one for the parameters.

    Raises:
        KeyError: a covered header is not there.
    """
    derived = {"@method": words.method, "@path": words.path, "@query": f"?{words.query}"}
    lines = [
        f'"{name}": {derived[name] if name.startswith("@") else words.headers[name].strip()}'
        for name in covered
    ]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("latin-1", "replace")


@frozen(kw_only=True)
class HmacSha256:
    """A secret that both sides know; signs and verifies.

    Attributes:
        secret: at least 16 characters, better 32 random bytes in hexadecimal digits.
        key_id: the secret's name, sent openly, so that a receiver can tell several apart.
        window: seconds by which a request's time may differ from the receiver's clock.
    """

    secret: Secret = field()
    key_id: str = ""
    window: float = 300.0
    clock: Callable[[], float] = field(default=time.time, repr=False, eq=False)

    @secret.validator
    def _long(self, _: object, secret: Secret) -> None:
        if len(secret.reveal()) < 16:
            raise ValueError("the signing secret is shorter than 16 characters: make a longer one")

    def _mac(self, base: bytes) -> bytes:
        return hmac.new(self.secret.reveal().encode(), base, hashlib.sha256).digest()

    def sign(self, words: HttpWords) -> Mapping[str, str]:
        """The two headers."""
        return _signed(words, "hmac-sha256", self.key_id, self.clock(), self._mac)

    def verify(self, words: HttpWords) -> str:
        """Why the request is not to be trusted; empty if it is."""

        def right(base: bytes, value: bytes) -> bool:
            return hmac.compare_digest(self._mac(base), value)

        age = _Age(self.clock(), self.window)
        return _verified(words, right, alg="hmac-sha256", key_id=self.key_id, age=age)


@frozen(kw_only=True)
class RsaPss:
    """A private RSA key; signs by RSA-PSS with SHA-512.  Needs the library `cryptography`.

    Attributes:
        private_key: in PEM.
        password: of the key, if it has one.
        key_id: the key's name, sent openly.
    """

    private_key: Secret
    password: Secret | None = None
    key_id: str = ""
    clock: Callable[[], float] = field(default=time.time, repr=False, eq=False)
    _loaded: RSAPrivateKey = field(init=False, repr=False, eq=False)

    @_loaded.default
    def _load(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        password = self.password.reveal().encode() if self.password else None
        try:
            key = load_pem_private_key(self.private_key.reveal().encode(), password)
        except (ValueError, TypeError):
            # The library's words may quote the key.
            key = None
        if isinstance(key, RSAPrivateKey):
            return key
        raise ValueError("the signing key is not an RSA private key in PEM with its password")

    def sign(self, words: HttpWords) -> Mapping[str, str]:
        """The two headers."""

        def make(base: bytes) -> bytes:
            return self._loaded.sign(base, *_pss())

        return _signed(words, "rsa-pss-sha512", self.key_id, self.clock(), make)


@frozen(kw_only=True)
class RsaPssPublic:
    """A public RSA key; verifies what `RsaPss` signs.  Needs the library `cryptography`.

    Attributes:
        public_key: in PEM.
        key_id: the key's name.
        window: seconds by which a request's time may differ from the receiver's clock.
    """

    public_key: str = field(repr=False)
    key_id: str = ""
    window: float = 300.0
    clock: Callable[[], float] = field(default=time.time, repr=False, eq=False)
    _loaded: RSAPublicKey = field(init=False, repr=False, eq=False)

    @_loaded.default
    def _load(self) -> RSAPublicKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(self.public_key.encode())
        except ValueError:
            key = None
        if isinstance(key, RSAPublicKey):
            return key
        raise ValueError("the sender's key is not an RSA public key in PEM")

    def verify(self, words: HttpWords) -> str:
        """Why the request is not to be trusted; empty if it is."""
        from cryptography.exceptions import InvalidSignature

        def right(base: bytes, value: bytes) -> bool:
            try:
                self._loaded.verify(value, base, *_pss())
            except InvalidSignature:
                return False
            return True

        age = _Age(self.clock(), self.window)
        return _verified(words, right, alg="rsa-pss-sha512", key_id=self.key_id, age=age)


def _pss() -> tuple[PSS, SHA512]:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA512

    return PSS(MGF1(SHA512()), 64), SHA512()


@frozen
class _Age:
    now: float
    window: float

    def wrong(self, created: int) -> str:
        if abs(self.now - created) <= self.window:
            return ""
        return f"the request's time is more than {self.window:g} s from the receiver's clock"


def _covered(words: HttpWords) -> list[str]:
    """What has to be signed of a request."""
    own = [name for name in sorted(words.headers) if name.startswith("dflow-")]
    named = [name for name in (IDEMPOTENCY, DIGEST) if name in words.headers]
    return ["@method", "@path", "@query", *named, *own]


def _signed(
    words: HttpWords, alg: str, key_id: str, now: float, make: Callable[[bytes], bytes]
) -> dict[str, str]:
    covered = _covered(words)
    inner = " ".join(f'"{name}"' for name in covered)
    params = f'({inner});created={int(now)};keyid="{key_id}";alg="{alg}"'
    value = base64.b64encode(make(signature_base(words, covered, params))).decode()
    return {"signature-input": f"{_LABEL}={params}", "signature": f"{_LABEL}=:{value}:"}


def _verified(
    words: HttpWords, right: Callable[[bytes, bytes], bool], *, alg: str, key_id: str, age: _Age
) -> str:
    given = _INPUT.fullmatch(words.headers.get("signature-input", "").strip())
    value = _VALUE.fullmatch(words.headers.get("signature", "").strip())
    if given is None or value is None:
        return "the request is not signed as it should be"
    if given[5] != alg or given[4] != key_id:
        return "the request is signed by another key or algorithm than is expected"
    covered = given[2].replace('"', "").split(" ")
    missing = [name for name in _covered(words) if name not in covered]
    try:
        signed = base64.b64decode(value[1], validate=True)
        true = not missing and right(signature_base(words, covered, given[1]), signed)
    except (binascii.Error, KeyError):
        return "the request is not signed as it should be"
    if missing:
        return f"the signature does not cover {', '.join(missing)}"
    if not true:
        return "the signature is wrong: the secret or key differs, or a proxy changed the request"
    # The time is looked at last: what a stranger says of it is no matter.
    return age.wrong(int(given[3]))
