"""SFTP: several in flight against one at a time, to OpenSSH's own server on this machine.

    cd tests; PYTHONPATH=../src:. python -m bench.sftp_rates
    cd tests; PYTHONPATH=../src:. python -m bench.sftp_rates --files 400 --rounds 3

Each way sends the same number of files of 4 kB, each with its marks and, where the server
offers it, synchronised to its disk: over loopback as it is, and through the kit's proxy,
which delays what passes by 5 ms each way.  The ways take turns; the best round counts.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint
from dflow.transport import Parcel
from dflow.transport.sftp import SftpOutbox
from sshd import shared_sshd

BODY = b"026|1099000000010|V|\n" * 195


async def rate(outbox: SftpOutbox, count: int, at_once: int) -> float:
    """Files a second; the connection is there before."""
    await outbox.probe("x")
    left = iter(range(count))

    async def worker() -> None:
        for number in left:
            await outbox.send(Parcel(key=f"k{number}", name=f"{number}.usr", content=BODY))

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    took = time.perf_counter() - begun
    await outbox.close()
    return count / took


def one_round(count: int, at_once: int, via: Endpoint | None, connections: int) -> float:
    with shared_sshd() as server:
        outbox = SftpOutbox(
            server=server.settings(via), path=str(server.folder), connections=connections
        )
        found = asyncio.run(rate(outbox, count, at_once))
        assert len([one for one in server.folder.iterdir() if one.is_file()]) == count
        return found


def compare(count: int, rounds: int, via: Endpoint | None, title: str) -> None:
    ways = [(1, 1), (8, 1), (16, 1), (16, 2), (32, 2), (32, 4)]
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for way in ways:
            best[way] = max(best[way], one_round(count, way[0], via, way[1]))
    print(title)
    for (at_once, connections), found in best.items():
        over = f"{at_once} in flight over {connections} connection{'s'[: connections > 1]}"
        print(f"  {over:32} {found:8.0f} files/s {found / best[1, 1]:6.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with shared_sshd() as server:
        compare(given.files, given.rounds, None, "loopback as it is")
        with FaultProxy("127.0.0.1", server.port) as proxy:
            proxy.slow(delay=0.005)
            via = Endpoint(proxy.host, proxy.port)
            compare(given.files, given.rounds, via, "5 ms each way")


if __name__ == "__main__":
    main()
