"""What went wrong on an SFTP server, in one sentence with its remedy.

In: exceptions of asyncssh and of the operating system.  Out: transport faults.  This
module does not decide whether a parcel may have been delivered: its caller knows.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from dflow.transport.faults import TransportError, Unavailable
from dflow.transport.sftp.server import SftpServer

__all__ = ["gone", "told", "words_of"]


@contextlib.contextmanager
def told(
    server: SftpServer, where: str, fault: type[TransportError] = Unavailable
) -> Iterator[None]:
    """Raise what goes wrong inside as `fault`, in words.

    Args:
        server: which one was spoken to.
        where: the folder or file it was about.
        fault: what is certain afterwards.

    Raises:
        Unavailable: the extra is missing.
    """
    try:
        import asyncssh
    except ImportError as error:
        raise Unavailable("transport sftp needs the extra: pip install dflow[sftp]") from error

    try:
        yield
    except (asyncssh.Error, OSError, EOFError) as error:  # TimeoutError is an OSError
        raise fault(words_of(error, server, where)) from error


def gone(error: BaseException) -> bool:
    """Whether the connection cannot be used after this error."""
    import asyncssh

    lost = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage)
    if isinstance(error, lost):
        return True
    return not isinstance(error, asyncssh.SFTPError)


def words_of(error: BaseException, server: SftpServer, where: str) -> str:
    """One sentence: what happened, and what mends it."""
    return f"{server.place}: {_sentence(error, server, where)}"


def _sentence(error: BaseException, server: SftpServer, where: str) -> str:
    import asyncssh

    ours = f"does not let the user {server.user} in; check user, password and key_file, and "
    table: list[tuple[tuple[type[BaseException], ...], str]] = [
        ((asyncssh.PermissionDenied,), ours + "whether the server knows the key"),
        (
            (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath),
            f"no folder or file {where}; make it there, or correct `path`",
        ),
        (
            (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect),
            f"the user {server.user} may not do this in {where}; ask for more rights there",
        ),
        (
            (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded),
            f"no space left for {where}; free some there",
        ),
        (
            (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost),
            "the connection was lost; it is made again at the next attempt",
        ),
        (
            (TimeoutError,),
            f"no answer in {server.timeout:g} s; the server hangs, or `timeout` is too short",
        ),
    ]
    for types, words in table:
        if isinstance(error, types):
            return words
    if isinstance(error, asyncssh.SFTPError):
        return f"{where}: the server says {_plain(error.reason)}; see its log"
    if isinstance(error, asyncssh.DisconnectError):
        return f"the server ended the connection: {_plain(error.reason)}; see its log"
    return _system(error) if isinstance(error, OSError) else _plain(str(error))


def _system(error: OSError) -> str:
    words = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ECONNREFUSED:
        return "nobody answers there; check host and port, and whether the server runs"
    if type(error).__name__ == "gaierror":
        return f"no such host ({words}); check `host`, and the name service"
    return f"{words}; check the network and whether the server runs"


def _plain(text: str) -> str:
    # The server's words are hostile: one line, and not too much of it.
    return "".join(one if one.isprintable() else "?" for one in text[:200])
