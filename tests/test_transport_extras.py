"""A transport of which the library is not installed says which extra it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dflow.transport.built_in import BUILT_IN

LIBRARIES = {
    "amqp": ("aio_pika", "aiormq"),
    "http": ("httpx", "uvicorn"),
    "nats": ("nats",),
    "objects": ("obstore",),
    "redis": ("redis",),
    "sftp": ("asyncssh",),
}
NONE = ("directory", "mail")  # need no library
SCRIPT = """\
import sys
from dflow.cli import main
for name in sys.argv[2:]:
    sys.modules[name] = None
sys.exit(main(["mounts", "check", sys.argv[1]]))
"""
CONFIG = """\
[routes]
file = "x.routes"
[source.amqp]
transport = "amqp"
url = "amqp://127.0.0.1:9"
queue = "q"
[source.http]
transport = "http"
spool = "spool"
port = 0
secret = { file = "word" }
[source.nats]
transport = "nats"
url = "nats://127.0.0.1:9"
stream = "s"
consumer = "c"
[source.objects]
transport = "objects"
url = "s3://bucket"
[source.redis]
transport = "redis"
url = "redis://127.0.0.1:9"
stream = "s"
group = "g"
[source.sftp]
transport = "sftp"
host = "127.0.0.1"
user = "u"
[mount.amqp]
transport = "amqp"
url = "amqp://127.0.0.1:9"
routing_key = "q"
[mount.http]
transport = "http"
url = "http://127.0.0.1:9/"
[mount.nats]
transport = "nats"
url = "nats://127.0.0.1:9"
stream = "s"
subject = "s"
[mount.objects]
transport = "objects"
url = "s3://bucket"
[mount.redis]
transport = "redis"
url = "redis://127.0.0.1:9"
stream = "s"
[mount.sftp]
transport = "sftp"
host = "127.0.0.1"
user = "u"
"""


def test_each_end_names_its_extra(tmp_path: Path) -> None:
    assert {one.name for one in BUILT_IN} == {*LIBRARIES, *NONE}
    rules = [f'destination {name} "x"\n' for name in LIBRARIES]
    (tmp_path / "x.routes").write_text("".join(rules) + "route all: flow * deliver amqp\n")
    config = tmp_path / "dflow.toml"
    config.write_text(CONFIG)
    (tmp_path / "word").write_text("sixteen or more, made up")
    absent = [name for names in LIBRARIES.values() for name in names]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(config), *absent],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = sorted(" ".join(line.split()) for line in done.stdout.splitlines())
    assert lines == sorted(
        f"{side} {name} wrong transport {name} needs the extra: pip install dflow[{name}]"
        for side in ("source", "mount")
        for name in LIBRARIES
    ), done.stderr
