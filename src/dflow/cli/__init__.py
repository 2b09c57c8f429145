"""The command line: words from a shell to a call, its result to an exit status.

In: the words after ``dflow``.  Out: an exit status, and text on the standard streams.
This module does not know what any command does: a command is a module with two calls,
`add(subparsers)` and `run(args)`, named in `COMMANDS` and imported only when asked for,
so that ``dflow --help`` stays fast.

Exit statuses: 0 clean; 1 findings of severity error; 2 wrong use, or input that cannot
be read; 130 interrupted; 141 the reader of our output went away.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, TextIO, cast

from dflow.errors import DflowError, near_or_known

if TYPE_CHECKING:
    #: What `add` is given.  argparse has no public name for it.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  it has no public name

__all__ = ["CLEAN", "COMMANDS", "ERRORS", "WRONG", "Command", "command_parser", "complain", "main"]

#: Exit status: nothing of severity error was found.
CLEAN: Final = 0
#: Exit status: something of severity error was found.
ERRORS: Final = 1
#: Exit status: wrong use, or input that cannot be read.
WRONG: Final = 2

#: Every command: its name, its module, and what it does in one line.
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("dflow.cli.check", "say what is wrong with files"),
    "show": ("dflow.cli.show", "show a file with the names of its items"),
    "fix": ("dflow.cli.fix", "repair counts, terminators and closing pipes"),
    "convert": ("dflow.cli.convert", "turn files into JSON Lines, CSV or Parquet"),
    "generate": ("dflow.cli.generate", "make up valid files"),
    "catalogue": ("dflow.cli.catalogue", "list, show, compare and import catalogues"),
    "rules": ("dflow.cli.rules", "lay out, explain, check, cover, compare and draw rule files"),
    "pseudonymise": ("dflow.cli.pseudonymise", "replace personal values by keyed pseudonyms"),
    "timeline": ("dflow.cli.timeline", "an MPAN's flows in order, and missing answers"),
    "cut": ("dflow.cli.cut", "cut a party's files from an archive, and prove the cuts"),
    "campaign": (
        "dflow.cli.campaign",
        "a clone campaign: copies, completeness, proof, switch-off",
    ),
    "cutover": ("dflow.cli.cutover", "a cut-over: dated steps, a version gate, a rehearsal"),
    "migration": ("dflow.cli.migration", "a migration plan in daily volumes, checked and enforced"),
    "contingency": ("dflow.cli.contingency", "failures in a chain, against their backstops"),
    "run": ("dflow.cli.run", "receive, decide and deliver, as a configuration says"),
    "mounts": ("dflow.cli.mounts", "try every source and mount, and list the transports"),
    "status": ("dflow.cli.status", "how deep the queues are, and how old"),
    "journal": ("dflow.cli.journal", "what arrived, what was decided, what was sent"),
    "replay": ("dflow.cli.replay", "send again what arrived"),
    "serve": ("dflow.cli.serve", "a status page on loopback"),
    "clones": ("dflow.cli.clones", "prove that every copy was made, and make the missing"),
    "release": ("dflow.cli.release", "let go what is held"),
    "hold": ("dflow.cli.hold", "hold deliveries until they are released"),
    "cancel": ("dflow.cli.cancel", "never deliver what waits"),
    "retry": ("dflow.cli.retry", "send deliveries again now"),
    "mark-delivered": ("dflow.cli.mark_delivered", "settle deliveries made by another way"),
    "dead": ("dflow.cli.dead", "look at what could not be delivered, and edit it"),
    "pause": ("dflow.cli.pause", "stop sending to a destination"),
    "resume": ("dflow.cli.resume", "send to a destination again"),
    "divert": ("dflow.cli.divert", "let a destination's fallbacks take over"),
}


#: How a command ends that finds no faults.
_ENDS: Final = "Status: 0 done, 2 wrong use, or something cannot be read or written."


class Command(Protocol):
    """A module of one command."""

    def add(self, subparsers: Subparsers) -> None:
        """Add the command's parser, with all of its options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit status.  A `DflowError` raised here is status 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Args:
        argv: the words after ``dflow``; the process's own if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        _bear_any_text(stream)
    try:
        status = _run(words)
        sys.stdout.flush()
    except SystemExit as leaving:  # argparse leaves so: 0 after --help, 2 on wrong use
        return leaving.code if isinstance(leaving.code, int) else CLEAN
    except BrokenPipeError:
        # The reader has gone; nothing more can be said, at exit included.
        _silence(sys.stdout)
        return 141
    except KeyboardInterrupt:
        return 130
    except DflowError as error:
        complain(error)
        return WRONG
    except OSError as error:  # the machine's; those with a better remedy are told before
        place = f"{error.filename}: " if error.filename is not None else ""
        complain(DflowError(f"{place}{error.strerror or error}"))
        _mute(sys.stdout)
        return WRONG
    return status


def _silence(stream: TextIO) -> None:
    """What is left to be said goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _mute(stream: TextIO) -> None:
    """Say what is left, or nothing if the stream is what failed."""
    try:
        stream.flush()
    except OSError:
        _silence(stream)


def complain(error: Exception) -> None:
    """Say an error on standard error, with no control character that a terminal would obey."""
    from dflow.show.paint import printable

    said = "\n".join(printable(line) for line in str(error).split("\n"))
    print(f"dflow: {said}", file=sys.stderr)


def _run(words: list[str]) -> int:
    if not words:
        command_parser().print_help(sys.stderr)
        return WRONG
    name = words[0]
    if not name.startswith("-") and name not in COMMANDS:
        print(f"dflow: no command {name!r}; {near_or_known(name, COMMANDS)}", file=sys.stderr)
        return WRONG
    args = command_parser(name).parse_args(words)
    return _command(name).run(args)


def _command(name: str) -> Command:
    return cast("Command", import_module(COMMANDS[name][0]))


def command_parser(*names: str) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        names: the commands whose modules are imported for their options; the others
            are only named.
    """
    parser = argparse.ArgumentParser(
        prog="dflow",
        description="Check, show, repair, convert and route the energy market's data flows.",
        epilog="dflow COMMAND --help tells more of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="print dflow's version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, line) in COMMANDS.items():
        if name in names:
            _command(name).add(subparsers)
            _complete(subparsers.choices[name], line)
        else:
            subparsers.add_parser(name, help=line)
    return parser


def _complete(parser: argparse.ArgumentParser, line: str) -> None:
    """Give a parser, and those below it, what every ``--help`` has: a sentence, and statuses."""
    said = parser.description or line
    parser.description = f"{said[0].upper()}{said[1:].removesuffix('.')}."
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001  there is no public way
    for action in below:
        lines = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001  the same
        for name, one in action.choices.items():
            _complete(one, lines[name])
    if not below and "Status:" not in (parser.epilog or ""):
        parser.epilog = " ".join(filter(None, (parser.epilog, _ENDS)))


class _Version(argparse.Action):
    """Prints the version; the package's metadata is read only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002  argparse's signature
        values: object,  # noqa: ARG002  argparse's signature
        option_string: str | None = None,  # noqa: ARG002  argparse's signature
    ) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"dflow {version('dflow')}")
        except PackageNotFoundError:
            print("dflow, from a checkout")
        parser.exit()


def _bear_any_text(stream: TextIO) -> None:
    """Let a stream of a narrow encoding escape what it cannot show, not fail on it."""
    if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
        reconfigure(errors="backslashreplace")
