"""``dflow serve``: a status page on loopback.

In: a configuration.  Out: plain HTML for who has the token; nothing can be changed there.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.operating import add_config, opened
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "serve",
        help="a status page on loopback",
        description="Serve a page with queues, ages, dead letters, last decisions and a search,"
        " on 127.0.0.1 only. The token is taken from DFLOW_TOKEN, or made up and printed.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "--read-only", action="store_true", help="required: nothing else is offered"
    )
    parser.add_argument("--port", type=int, default=8765, metavar="PORT", help="8765; 0 for any")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from dflow.exchange.page import status_page
    from dflow.exchange.serve import make_server, page_address

    if not args.read_only:
        raise DflowError("say --read-only: the page offers nothing else")
    with opened(args.config) as (wiring, _):
        names = [one.name for one in wiring.routes.destinations]

        def page(search: str) -> str:
            journal = wiring.open_journal()  # a connection a page: requests come in threads
            try:
                return status_page(
                    journal, names, now=time.time(), search=search, zone=wiring.routes.zone
                )
            finally:
                journal.close()

        token = os.environ.get("DFLOW_TOKEN") or secrets.token_urlsafe(18)
        try:
            server = make_server(page, token=token, port=args.port)
        except (OSError, OverflowError) as error:
            raise DflowError(f"port {args.port}: {error}") from error
        print(page_address(server.server_address[1], token), flush=True)
        print("stop with Ctrl-C", file=sys.stderr)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return CLEAN
        finally:
            server.server_close()
    return CLEAN
