"""Ends that cannot be used, by their names; here SFTP, e-mail and folders, and all in a table.

Each is a context manager of a `Bad`: the lines of a mount that is wrong, what must be said,
the lines of the mount that is right, and what somebody does meanwhile at the server.
"""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bad_end import WRONG, Bad, Lines
from bad_ends_brokers import (
    amqp_bad_credentials,
    amqp_expired_certificate,
    amqp_full,
    amqp_missing_queue,
    amqp_refused_permission,
    nats_bad_credentials,
    nats_expired_certificate,
    nats_full,
    nats_missing_stream,
    nats_refused_permission,
    redis_bad_credentials,
    redis_expired_certificate,
    redis_full,
    redis_refused_permission,
)
from bad_ends_web import (
    http_bad_credentials,
    http_expired_certificate,
    http_full,
    http_refused_permission,
    objects_bad_credentials,
    objects_expired_certificate,
    objects_missing_bucket,
    objects_missing_folder,
    objects_refused_permission,
)
from certificates import Authority
from dflow.testing.transports import Endpoint
from mailserver import certificate, mail_server
from sshd import fingerprint, keys, shared_sshd, sshd
from tls_front import tls_front

# SFTP


def _sftp(place: Endpoint, folder: Path, **changes: object) -> Lines:
    lines: Lines = {
        "transport": "sftp",
        "host": place.host,
        "port": place.port,
        "user": getpass.getuser(),
        "key_file": str(keys() / "user"),
        "host_key": fingerprint("host"),
        "path": str(folder),
    }
    return {name: one for name, one in {**lines, **changes}.items() if one is not None}


@contextmanager
def sftp_wrong_host_key(_: Path) -> Iterator[Bad]:
    with shared_sshd() as one:
        yield Bad(
            wrong=_sftp(one.server, one.folder, host_key=fingerprint("other")),
            right=_sftp(one.server, one.folder),
            words="not the pinned host_key",
        )


@contextmanager
def sftp_bad_credentials(_: Path) -> Iterator[Bad]:
    with shared_sshd() as one:
        yield Bad(
            wrong=_sftp(one.server, one.folder, key_file=None, password=WRONG),
            right=_sftp(one.server, one.folder),
            words="does not let the user",
        )


@contextmanager
def sftp_refused_permission(_: Path) -> Iterator[Bad]:
    with sshd(options="-R") as guarded, shared_sshd() as one:
        yield Bad(
            wrong=_sftp(guarded.server, guarded.folder),
            right=_sftp(one.server, one.folder),
            words="may not do this in",
        )


@contextmanager
def sftp_missing_folder(_: Path) -> Iterator[Bad]:
    with shared_sshd() as one:
        folder = one.folder / "later"
        lines = _sftp(one.server, folder)
        yield Bad(
            wrong=lines,
            right=lines,
            words="make it there, or correct `path`",
            mend=folder.mkdir,
        )


# E-mail


def _mail(place: Endpoint, ca: Path, **changes: object) -> Lines:
    lines: Lines = {
        "transport": "mail",
        "host": place.host,
        "port": place.port,
        "security": "tls",
        "ca_file": str(ca),
        "user": "dflow",
        "password": {"env": "MAIL"},
        "sender": "dflow@sender.example",
        "recipients": ["files@agent.example"],
        "timeout": 5,
    }
    return {**lines, **changes}


@contextmanager
def mail_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    with (
        mail_server("loopback") as one,
        tls_front(ours.certificate("old", days=-1), one.server) as front,
    ):
        lines = _mail(front.place, ours.file, user="")
        del lines["password"]
        yield Bad(
            wrong=lines,
            right=lines,
            words="certificate has expired",
            mend=lambda: front.show(ours.certificate("new")),
        )


@contextmanager
def _mail_answering(words: str, at: str = "", answer: str = "") -> Iterator[Bad]:
    with mail_server("tls") as one:
        if at:
            one.box.answers[at] = answer
        lines = _mail(one.server, certificate())
        yield Bad(
            wrong=lines if at else {**lines, "password": WRONG},
            right=lines,
            words=words,
            mend=one.box.answers.clear,
            seen=at != "DATA",
        )


def mail_bad_credentials(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _mail_answering("check user and password")


def mail_refused_permission(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _mail_answering("check sender and login", "MAIL", "550 you may not")


def mail_full(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _mail_answering("452 full", "DATA", "452 full")


# A folder


@contextmanager
def directory_in_the_way(folder: Path) -> Iterator[Bad]:
    out = folder / "out"
    out.write_bytes(b"")
    lines: Lines = {"transport": "directory", "path": str(out)}
    yield Bad(wrong=lines, right=lines, words="is no folder", mend=out.unlink)


#: Every one, by its name: the transport, and what is wrong with it.
BAD_ENDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Bad]]] = {
    made.__name__: made
    for made in (
        sftp_wrong_host_key,
        sftp_bad_credentials,
        sftp_refused_permission,
        sftp_missing_folder,
        mail_expired_certificate,
        mail_bad_credentials,
        mail_refused_permission,
        mail_full,
        nats_expired_certificate,
        nats_bad_credentials,
        nats_refused_permission,
        nats_missing_stream,
        nats_full,
        amqp_expired_certificate,
        amqp_bad_credentials,
        amqp_refused_permission,
        amqp_missing_queue,
        amqp_full,
        redis_expired_certificate,
        redis_bad_credentials,
        redis_refused_permission,
        redis_full,
        http_expired_certificate,
        http_bad_credentials,
        http_refused_permission,
        http_full,
        objects_expired_certificate,
        objects_bad_credentials,
        objects_refused_permission,
        objects_missing_bucket,
        objects_missing_folder,
        directory_in_the_way,
    )
}
