"""A connection to an SFTP server whose key was checked.

In: a server's settings.  Out: an open connection of asyncssh, or one clear fault.  This
module does not know what the connection is for.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

from dflow.transport.faults import TransportError, Unavailable
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.words import words_of

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Seen", "log_in"]


@define
class Seen:
    """What was seen of a server: the key it showed, whether another is known, its end."""

    name: str = "a key"
    other: bool = False
    lost: bool = False


async def log_in(server: SftpServer) -> tuple[asyncssh.SSHClientConnection, Seen]:
    """Connect, check the server's key, and log in.

    Raises:
        Unavailable: it cannot be done now, why, and what mends it.
    """
    import asyncssh

    seen, known = Seen(), _known_hosts(server)
    pinned = server.host_key

    class Watch(asyncssh.SSHClient):
        """Judges the keys that the trusted ones do not hold, and remembers what was shown."""

        def validate_host_public_key(
            self, host: str, addr: str, port: int, key: asyncssh.SSHKey
        ) -> bool:
            seen.name = f"{key.get_algorithm()} {key.get_fingerprint()}"
            if pinned.startswith("SHA256:"):
                return key.get_fingerprint().rstrip("=") == pinned.rstrip("=")
            if known is not None:
                seen.other = bool(known.match(host, addr, port)[0])
            return False

        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncssh's
            seen.lost = True

    keys, hosts = await _keys(server), _trusted(server, known)
    try:
        async with asyncio.timeout(server.timeout):
            connection = await asyncssh.connect(
                server.host,
                server.port,
                config=[],
                client_factory=Watch,
                known_hosts=hosts,
                username=server.user,
                password=server.password.reveal() if server.password else None,
                client_keys=keys,
                agent_path=() if server.agent else None,
                gss_auth=False,
                gss_kex=False,
                host_based_auth=False,
                keepalive_interval=max(server.timeout / 3, 0.5),
                login_timeout=server.timeout,
            )
            return connection, seen
    except asyncssh.HostKeyNotVerifiable as error:
        revoked = "revoked" in error.reason
        raise Unavailable(_distrust(server, seen, revoked=revoked)) from error
    except (asyncssh.Error, OSError, EOFError) as error:
        raise Unavailable(words_of(error, server, "")) from error
    except ValueError as error:  # what asyncssh says of settings it cannot use
        raise Unavailable(f"{server.place}: {error}; correct the transport's options") from error


def _distrust(server: SftpServer, shown: Seen, *, revoked: bool) -> str:
    place = server.place
    if revoked:
        return f"{place}: showed a key that is revoked; nothing was sent: ask who runs it"
    if server.host_key:
        return (
            f"{place}: showed {shown.name}, not the pinned host_key; nothing was sent. Ask who "
            "runs it whether the key was changed, and only then change host_key"
        )
    if shown.other:
        return (
            f"{place}: showed {shown.name}, but known_hosts has another key for it; nothing was "
            "sent. Ask who runs it whether the key was changed, and only then change known_hosts"
        )
    return (
        f"{place}: its key is not known: {shown.name}. Compare it with what its operator says, "
        "and then give it as host_key, or add it to known_hosts"
    )


def _known_hosts(server: SftpServer) -> asyncssh.SSHKnownHosts | None:
    import asyncssh

    if server.host_key:
        return None
    path = server.known_hosts or Path("~/.ssh/known_hosts").expanduser()
    if server.known_hosts is None and not path.exists():
        return None
    try:
        return asyncssh.read_known_hosts(str(path))
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Unavailable(
            f"{path}: the known_hosts file cannot be used: {words}; correct known_hosts"
        ) from error


def _trusted(server: SftpServer, known: asyncssh.SSHKnownHosts | None) -> object:
    """The keys that need no judging: a pinned one, or those known; a fingerprint is no key."""
    import asyncssh

    if server.host_key and not server.host_key.startswith("SHA256:"):
        return ([asyncssh.import_public_key(server.host_key)], [], [])
    return known if known is not None else ([], [], [])


async def _keys(server: SftpServer) -> list[asyncssh.SSHKey] | tuple[()] | None:
    """The private keys to offer; None offers none."""
    if server.key_file is None:
        return () if server.agent else None
    return [await asyncio.to_thread(_read_key, server.key_file, server.passphrase)]


def _read_key(path: Path, passphrase: object) -> asyncssh.SSHKey:
    import asyncssh

    from dflow.transport.secret import Secret

    given = passphrase.reveal() if isinstance(passphrase, Secret) else None
    fault: TransportError
    try:
        return asyncssh.read_private_key(path, given)
    except OSError as error:
        fault = Unavailable(f"{path}: the key_file cannot be read: {error.strerror or error}")
    except asyncssh.KeyEncryptionError:
        fault = Unavailable(f"{path}: the key_file does not open with this passphrase; correct it")
    except (asyncssh.KeyImportError, ValueError) as error:
        need = "passphrase" in str(error).lower()
        words = "is encrypted; give its passphrase" if need else "is not a private key"
        fault = Unavailable(f"{path}: the key_file {words}")
    raise fault
