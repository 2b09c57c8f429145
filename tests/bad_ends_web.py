"""Web services and object stores that cannot be used, each for real."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it has no types

from bad_end import WRONG, Bad, Lines, parcel
from certificates import Authority
from dflow.testing.transports import Endpoint
from dflow.transport.http import HmacSha256, HttpOutbox
from http_server import SECRET as SIGNED
from http_server import served
from s3_server import s3_server
from tls_front import tls_front

# HTTP


@contextmanager
def http_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    with (
        served(folder / "spool") as (host, port),
        tls_front(ours.certificate("old", days=-1), Endpoint(host, port)) as front,
    ):
        lines: Lines = {
            "transport": "http",
            "url": f"https://{front.place.host}:{front.place.port}/",
            "ca_file": str(ours.file),
            "secret": {"env": "SIGNED"},
        }
        yield Bad(
            wrong=lines,
            right=lines,
            words="the server's certificate has expired",
            mend=lambda: front.show(ours.certificate("new")),
        )


@contextmanager
def http_bad_credentials(folder: Path) -> Iterator[Bad]:
    with served(folder / "spool") as (host, port):
        lines: Lines = {"transport": "http", "url": f"http://{host}:{port}/"}
        yield Bad(
            wrong={**lines, "secret": WRONG},
            right={**lines, "secret": {"env": "SIGNED"}},
            words="401",
        )


@contextmanager
def http_refused_permission(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    server, client = ours.certificate("server"), ours.certificate("client")
    with served(folder / "spool", cert=server, client_ca=ours.file) as (host, port):
        lines: Lines = {
            "transport": "http",
            "url": f"https://{host}:{port}/",
            "ca_file": str(ours.file),
            "secret": {"env": "SIGNED"},
        }
        yield Bad(
            wrong=lines, right={**lines, "client_cert": str(client)}, words="another client_cert"
        )


@contextmanager
def http_full(folder: Path) -> Iterator[Bad]:
    spool = folder / "spool"
    with served(spool, most=1) as (host, port):
        url = f"http://{host}:{port}/"

        async def fill() -> None:
            outbox = HttpOutbox(url=url, signer=HmacSha256(secret=SIGNED))
            await outbox.send(parcel(1))
            await outbox.close()

        def mend() -> None:
            for one in spool.iterdir():
                if one.is_file():
                    one.unlink()
            time.sleep(1.1)  # it counts again once a second

        asyncio.run(fill())
        lines: Lines = {"transport": "http", "url": url, "secret": {"env": "SIGNED"}}
        yield Bad(wrong=lines, right=lines, words="too many requests wait", mend=mend, seen=False)


# Object stores


@functools.cache
def _guarded_s3() -> tuple[str, str, dict[str, str], dict[str, str]]:
    """A server that looks at keys, a bucket, a user who may and one who may not.

    It ends with the process.
    """
    running = s3_server()
    s3 = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    place, bucket = f"http://{s3.host}:{s3.port}", s3.bucket()
    maker = boto3.client(
        "iam",
        endpoint_url=place,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    made = []
    for name in ("may", "may-not"):
        maker.create_user(UserName=name)
        made.append(maker.create_access_key(UserName=name)["AccessKey"])
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    rights = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    maker.put_user_policy(UserName="may", PolicyName="all", PolicyDocument=rights)
    request = urllib.request.Request(  # noqa: S310  of this machine
        f"{place}/moto-api/reset-auth",
        data=b"0",
        method="POST",
        headers={"content-type": "text/plain"},
    )
    # From now on it looks at keys.
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310  the same
        pass
    return place, bucket, made[0], made[1]


@contextmanager
def _objects(wrong: Callable[[str], Lines], words: str, *, strict: bool = False) -> Iterator[Bad]:
    place, bucket, may, may_not = _guarded_s3()
    lines: Lines = {
        "transport": "objects",
        "url": f"s3://{bucket}/pre",
        "region": "us-east-1",
        "endpoint": place,
        "access_key_id": may["AccessKeyId"],
        "secret_access_key": {"env": "MAY"},
    }
    other: Lines = {
        "access_key_id": may_not["AccessKeyId"],
        "secret_access_key": {"env": "MAY_NOT"},
    }
    environment = {"MAY": may["SecretAccessKey"], "MAY_NOT": may_not["SecretAccessKey"]}
    yield Bad(
        wrong={**lines, **(other if strict else wrong(place))},
        right=lines,
        words=words,
        more=environment,
    )


def objects_missing_bucket(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _objects(lambda _: {"url": "s3://no-bucket/pre"}, "no such bucket or container")


def objects_bad_credentials(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _objects(lambda _: {"secret_access_key": WRONG}, "check the credentials")


def objects_refused_permission(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _objects(lambda _: {}, "what they may do here", strict=True)


@contextmanager
def objects_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    with _objects(lambda _: {}, "certificate there has expired: it has to be renewed") as made:
        behind = urllib.parse.urlsplit(str(made.right["endpoint"]))
        place = Endpoint(behind.hostname or "", behind.port or 0)
        with tls_front(ours.certificate("old", days=-1), place) as front:
            url = f"https://{front.place.host}:{front.place.port}"
            yield Bad(
                wrong={**made.right, "endpoint": url},
                right=made.right,
                words=made.words,
                more=made.more,
            )


@contextmanager
def objects_missing_folder(folder: Path) -> Iterator[Bad]:
    store = folder / "store"
    lines: Lines = {"transport": "objects", "url": store.as_uri()}
    yield Bad(wrong=lines, right=lines, words="no such folder: make it", mend=store.mkdir)
