"""Broker processes of our own, on free ports and in folders of their own, to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import define, field

import services
from dflow.testing.transports import Endpoint


@define(eq=False, kw_only=True)
class BrokerProcess:
    """A server that can be killed, and started again over the same folder."""

    command: Sequence[str]
    place: Endpoint
    log: Path
    environment: Mapping[str, str] = field(factory=dict)
    patience: float = 60.0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"it did not start: {self.log.read_text('utf-8', 'replace')[-2000:]}")

    def stop(self) -> None:
        """Let it end by itself."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a loss of power would, as far as one process goes."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            self._process.wait()
            self._process = None
            while self._answers():
                time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.place.host, self.place.port), timeout=1).close()
        except OSError:
            return False
        return True


def nats_process(folder: Path, extra: str = "") -> BrokerProcess:
    """A NATS server with JetStream."""
    program, port = services.program("nats-server"), services.free_port()
    path = folder / "nats.conf"
    store = folder / "jetstream"
    path.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{store}" }}\n{extra}\n')
    return BrokerProcess(
        command=[program, "-c", str(path)],
        place=Endpoint("127.0.0.1", port),
        log=folder / "nats.log",
    )


def redis_process(folder: Path, *options: str) -> BrokerProcess:
    """A Redis server with an append-only file."""
    program, port = services.program("redis-server"), services.free_port()
    plain = [] if "--tls-port" in options else ["--port", str(port)]
    words = [one.replace("PORT", str(port)) for one in options]
    command = [program, *plain, "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]
    return BrokerProcess(
        command=[*command, "--dir", str(folder), *words],
        place=Endpoint("127.0.0.1", port),
        log=folder / "redis.log",
    )


def rabbit_process(folder: Path, config: str = "") -> BrokerProcess:
    """A RabbitMQ node, which takes some seconds to start."""
    # The packaged wrapper would change the user and drop what is said here.
    bare = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    program = str(bare) if bare.exists() else services.program("rabbitmq-server")
    port = services.free_port()
    (folder / "plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n{config}\n")
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"dflow{port}@localhost",
        "RABBITMQ_DIST_PORT": str(services.free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_LOGS": "-",
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
    }
    return BrokerProcess(
        command=[program],
        place=Endpoint("127.0.0.1", port),
        log=folder / "rabbit.log",
        environment=environment,
        patience=90.0,
    )
