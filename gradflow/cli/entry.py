"""From the words on the command line to a command and its exit status."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence

import gradflow
from gradflow.cli import (
    arguments,
    experiments,
    explore,
    options,
    problem_names,
    redraw,
    streams,
    sweep_plan,
)
from gradflow.cli.signals import terminated_like_interrupted

DESCRIPTION = (
    "Gradient flow dw/dt = -mu dE/dw and gradient descent w <- w - eta dE/dw side by side, on one clock: "
    "flow time t = k eta / mu."
)
BAD_ARGUMENTS = 2
FAILED = 1
INTERRUPTED = 130


@terminated_like_interrupted()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Status 0 is success, 2 wrong arguments (one sentence on standard error), 130 an interrupt from the
    keyboard or SIGTERM, after which what was finished is still reported.

    Parameters
    ----------
    argv : sequence of str, optional
        The words behind ``gradflow``; those of the process by default.
    """
    streams.open_missing()
    who = "gradflow"
    try:
        words = _parser().parse_args(argv)
        who = f"gradflow {words.name}"
        status: int = words.command(words)
        return status
    except arguments.Refused as error:
        streams.complain(who, error)
        return BAD_ARGUMENTS
    except KeyboardInterrupt:
        streams.complain(who, "interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone, as `head` does
        streams.drop_output()
        return 0
    except MemoryError:
        streams.complain(who, "this needs more memory than there is")
        return FAILED
    except OSError as error:
        streams.complain(who, f"the output could not be written: {error}")
        streams.drop_output()
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = arguments.Parser(prog="gradflow", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"gradflow {gradflow.__version__}")
    parser.set_defaults(command=functools.partial(_help, parser))
    commands = parser.add_subparsers(
        dest="name", metavar="compare | explore | list | plot | run | stability | sweep"
    )
    compare = commands.add_parser("compare", help="run the flow and descents beside it, tabulate and draw")
    options.add_compare(compare)
    compare.set_defaults(command=_compare)
    looking = commands.add_parser("explore", help="look at a problem or at saved runs in the browser")
    explore.add_options(looking)
    listing = commands.add_parser("list", help="list problems, experiments, update rules and methods")
    listing.add_argument("--json", action="store_true", help="print one JSON object instead")
    listing.set_defaults(command=_list)
    run = commands.add_parser("run", help="run experiments, with parameters", add_help=False)
    experiments.add_options(run)
    run.set_defaults(command=functools.partial(experiments.command, run))
    plot = commands.add_parser("plot", help="redraw figures from files")
    redraw.add_options(plot)
    plot.set_defaults(command=redraw.command)
    stability = commands.add_parser("stability", help="judge what each learning rate does, tabulate and draw")
    options.add_stability(stability)
    stability.set_defaults(command=_stability)
    sweep = commands.add_parser("sweep", help="many runs, into a store that survives, and a table")
    sweep_plan.add_options(sweep)
    sweep.set_defaults(command=_sweep)
    return parser


def _stability(words: argparse.Namespace) -> int:
    problem_names.problem_name(words)
    from gradflow.cli import stability

    return stability.command(words)


def _compare(words: argparse.Namespace) -> int:
    problem_names.problem_name(words)
    from gradflow.cli import compare

    return compare.command(words)


def _sweep(words: argparse.Namespace) -> int:
    from gradflow.cli import sweep

    return sweep.command(words)


def _list(words: argparse.Namespace) -> int:
    from gradflow.cli import listing

    return listing.command(words)


def _help(parser: argparse.ArgumentParser, _: argparse.Namespace) -> int:
    streams.say(parser.format_help())
    return 0
