"""``dflow run``: receive, decide, deliver, as a configuration says.

In: a `dflow.toml`.  Out: deliveries, and an account of what went where and why.  With
``--once``, status 0 if nothing that it took or tried waits for a person, 1 if something does;
2 if the configuration is refused or the journal or a source cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS, WRONG
from dflow.cli.operating import add_unmask, count
from dflow.cli.upgrade import upgrades_told

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.exchange import Exchange, Totals, Wiring
    from dflow.exchange.account import Account
    from dflow.exchange.journal import EventRow, Journal
    from dflow.exchange.reload import RulesFile

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "run",
        help="receive, decide and deliver, as a configuration says",
        description="Take the files of the sources, decide by the rules where each goes, and"
        " deliver it, everything written down in the journal first.",
        epilog="Status: 0 done, or stopped; with --once, 1 something that it took or tried waits"
        " for a person (`dflow status` tells of all that does), 130 or 143 a signal stopped it"
        " before the end; 2 wrong use, or the configuration, the journal or a source cannot be"
        " used.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="a dflow.toml")
    parser.add_argument(
        "--once", action="store_true", help="take what is there, deliver what is due, and end"
    )
    parser.add_argument("--json", action="store_true", help="tell what happened as JSON")
    add_unmask(parser)
    parser.add_argument(
        "--most",
        type=count,
        default=100,
        metavar="N",
        help="with --once, tell of at most N files to which nothing odd happened (default: 100)",
    )
    parser.add_argument(
        "--log",
        choices=("text", "json"),
        help="write events to stderr as a log, and not to stdout as they come",
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="the least level of what --log writes (default: info)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the exchange."""
    if args.log is None:
        return _run(args)
    from dflow.exchange.logs import log_to

    with log_to(sys.stderr, form=args.log, level=args.log_level):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from dflow.exchange import load_wiring
    from dflow.exchange.logs import journal_to

    wiring = load_wiring(Path(args.config))
    for remark in wiring.remarks:
        print(f"dflow: {wiring.routes_path.name}:{remark}", file=sys.stderr)
    # A log tells of it by itself.
    with contextlib.nullcontext() if args.log else upgrades_told():
        journal = wiring.open_journal()
    try:
        journal.own()
        exchange = wiring.exchange(journal)
        if args.once:
            return _once(exchange, journal, args)
        with journal_to(sys.stderr) if args.log is None else nullcontext():
            return asyncio.run(_until_stopped(exchange, wiring, args))
    finally:
        journal.close()


def _once(exchange: Exchange, journal: Journal, args: argparse.Namespace) -> int:
    from dflow.exchange.account import accounts
    from dflow.exchange.journal import Query
    from dflow.exchange.masking import masked

    last = next(iter(journal.arrivals(Query(newest_first=True, limit=1))), None)
    after, started = (last.id if last else 0), time.time()
    totals, stopped = asyncio.run(_run_once(exchange))
    told = list(accounts(journal, Query(after=after)))
    older = {
        one.arrival
        for one in journal.deliveries(Query(changed_since=started))
        if one.arrival <= after
    }
    backlog = [
        account for number in sorted(older) for account in accounts(journal, Query(arrival=number))
    ]
    if args.json:
        print(json.dumps(_json(told, backlog, totals, unmask=args.unmask), indent=2))
    else:
        _tell(told, backlog, totals, args.most, unmask=args.unmask)
    for name, trouble in totals.troubles.items():
        words = trouble if args.unmask else masked(trouble)
        print(f"dflow: source {name}: {words}", file=sys.stderr)
    if stopped is not None:
        words = f"stopped by {stopped.name} before the end; the next run does what is left"
        print(f"dflow: {words}", file=sys.stderr)
        return 128 + stopped
    if totals.troubles:
        return WRONG
    return ERRORS if any(one.needs_a_person for one in (*told, *backlog)) else CLEAN


async def _run_once(exchange: Exchange) -> tuple[Totals, signal.Signals | None]:
    """Run until nothing is left to do now, or until a signal; which one."""
    heard: list[signal.Signals] = []

    def stop(one: signal.Signals) -> None:
        heard.append(one)
        exchange.stop()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop, one)
    totals = await exchange.run(once=True)
    return totals, heard[0] if heard else None


def _json(
    told: list[Account], backlog: list[Account], totals: Totals, *, unmask: bool
) -> dict[str, object]:
    from dflow.exchange.masking import masked

    hide = str if unmask else masked
    return {
        "arrivals": [one.as_json(unmask=unmask) for one in told],
        "backlog": [one.as_json(unmask=unmask) for one in backlog],
        "summary": {
            "received": totals.received,
            "outcomes": {outcome.value: n for outcome, n in totals.arrivals.items()},
            "steps": {step.value: n for step, n in totals.steps.items()},
            "troubles": {name: hide(words) for name, words in totals.troubles.items()},
        },
    }


def _tell(
    told: list[Account], backlog: list[Account], totals: Totals, most: int, *, unmask: bool
) -> None:
    from dflow.cli.accounts import account_lines
    from dflow.cli.terminal import paint_for

    paint = paint_for(sys.stdout)
    left = 0
    for account in (*backlog, *told):
        if most <= 0 and not account.needs_a_person:
            left += 1
            continue
        most -= not account.needs_a_person
        print("\n".join(account_lines(account, paint, unmask=unmask)))
    if left:
        print(f"       and {left} more, to which nothing odd happened")
    outcomes = ", ".join(f"{n} {outcome.value}" for outcome, n in totals.arrivals.items())
    steps = ", ".join(f"{n} {step.value}" for step, n in totals.steps.items())
    print(f"received {totals.received}" + (f": {outcomes}" if outcomes else ""))
    print(f"deliveries: {steps or 'nothing was due'}")
    if waiting := sum(account.needs_a_person for account in (*backlog, *told)):
        print(f"{waiting} wait{'s' * (waiting == 1)} for a person: see `dflow journal list CONFIG`")


def _say(words: str, *, log: str | None, trouble: bool = False) -> None:
    """A word about the run itself: on stderr, in the log's form if there is one."""
    from dflow.exchange.logs import LOGGER

    if log is None:
        print(words, file=sys.stderr)
    else:
        LOGGER.log(logging.ERROR if trouble else logging.INFO, "%s", words)


async def _follow_rules(exchange: Exchange, rules: RulesFile, log: str | None) -> None:
    """Take the rules anew whenever their file changes: whole, or not at all."""
    while True:
        await asyncio.sleep(1.0)
        routes, problem = await asyncio.to_thread(rules.changed)
        if routes is not None:
            try:
                exchange.use(routes)
                _say(f"rules changed: {routes.rules_hash[:12]}", log=log)
            except ValueError as error:
                problem = str(error)
        if problem:
            await exchange.refused(problem)
            _say(f"rules refused, the old ones stay:\n{problem}", log=log, trouble=True)


async def _until_stopped(exchange: Exchange, wiring: Wiring, args: argparse.Namespace) -> int:
    from dflow.exchange.reload import RulesFile

    mounts = tuple(mount.name for mount in wiring.mounts)
    rules = RulesFile(
        wiring.routes_path,
        wiring.refuse_on,
        patient=True,
        mounts=mounts,
        state=wiring.rules_state,
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, exchange.stop)

    def tell(event: EventRow) -> None:
        from dflow.exchange.events import event_json, event_line

        text = (
            json.dumps(event_json(event, unmask=args.unmask))
            if args.json
            else event_line(event, unmask=args.unmask)
        )
        try:
            print(text, flush=True)
        except BrokenPipeError:
            exchange.stop()  # who read our output has gone; the end says so

    if args.log is None:
        exchange.observe = tell
    _say("running; stop with Ctrl-C", log=args.log)
    following = asyncio.ensure_future(_follow_rules(exchange, rules, args.log))
    try:
        totals = await exchange.run()
    finally:
        following.cancel()
    _say(f"stopped; received {totals.received}", log=args.log)
    return CLEAN
