"""From the words on the command line to a command and its exit status."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence

import gradflow
from gradflow import script
from gradflow.cli import arguments, streams

DESCRIPTION = (
    "Gradient flow dw/dt = -mu dE/dw and gradient descent w <- w - eta dE/dw side by side, on one clock: "
    "flow time t = k eta / mu."
)
BAD_ARGUMENTS = 2
FAILED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Status 0 is success, 2 wrong arguments (one sentence on standard error), 130 an interrupt from the
    keyboard, after which what was finished is still reported.

    Parameters
    ----------
    argv : sequence of str, optional
        The words behind ``gradflow``; those of the process by default.
    """
    streams.open_missing()
    who = "gradflow"
    try:
        options = _parser().parse_args(argv)
        who = f"gradflow {options.name}"
        status: int = options.command(options)
        return status
    except arguments.Refused as error:
        streams.complain(who, error)
        return BAD_ARGUMENTS
    except (KeyboardInterrupt, script.Interrupted):
        streams.complain(who, "interrupted")
        return script.INTERRUPTED
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
    commands = parser.add_subparsers(dest="name", metavar="compare | explore | list | run | stability")
    _add_compare(
        commands.add_parser("compare", help="run the flow and descents beside it, tabulate and draw")
    )
    _add_explore(commands.add_parser("explore", help="look at a problem or at saved runs in the browser"))
    listing = commands.add_parser("list", help="list the named problems, update rules and methods")
    listing.add_argument("--json", action="store_true", help="print one JSON object instead")
    listing.set_defaults(command=_list)
    run = commands.add_parser("run", help="run an experiment: ./experiments/NAME.py or a path")
    run.add_argument("experiments", nargs="*", metavar="NAME", help="its name, or the path of a script")
    run.add_argument("--all", action="store_true", help="run every experiment in ./experiments")
    run.set_defaults(command=_run)
    _add_stability(
        commands.add_parser("stability", help="judge what each learning rate does, tabulate and draw")
    )
    return parser


def _add_compare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_problem(parser, "digits")
    add("--widths", type=arguments.counts, metavar="32,16", help="widths of the hidden layers")
    add("--learning-rates", type=arguments.positives, metavar="0.05,0.2", help="eta of each descent")
    add("--end-time", type=arguments.positive, metavar="T", help="flow time at which the runs end")
    add("--rate", type=arguments.positive, default=1.0, metavar="MU", help="mu of the flow (default: 1)")
    add("--method", default="auto", metavar="M", help="integrator of the flow (default: auto)")
    add("--seed", type=arguments.seed, default=0, metavar="S", help="of the starting weights (default: 0)")
    add("--output", default="gradflow-compare", metavar="DIR", help="folder for figure and trajectories")
    add("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(command=_compare)


def _add_explore(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    subjects_help = "a named problem, a .py file with `problem` in it, .npz trajectories, or a study's folder"
    add("subjects", nargs="*", metavar="PROBLEM | FILE", help=subjects_help)
    add("--write", metavar="FILE.html", help="write the page to one file instead of opening it")
    add("--no-browser", action="store_true", help="print the address only")
    parser.set_defaults(command=_explore)


def _explore(options: argparse.Namespace) -> int:
    from gradflow.cli import explore

    return explore.command(options)


def _add_problem(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("word", nargs="?", metavar="NAME", help=f"of the problem (default: {default})")
    parser.add_argument("--problem", metavar="NAME", help="the same: one of `gradflow list`")
    parser.set_defaults(default_problem=default)


def _add_stability(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_problem(parser, "chebyshev-6")
    add("--widths", type=arguments.counts, metavar="30,20", help="widths of the hidden layers")
    rates_help = "eta of each run, or auto for rates around the limit (default: auto)"
    add("--learning-rates", type=arguments.positives_or_auto, metavar="0.05,0.2", help=rates_help)
    add(
        "--rule", default="descent", metavar="RULE", help="descent, heavy-ball or nesterov (default: descent)"
    )
    add("--momentum", type=arguments.share, metavar="B", help="b of heavy-ball and nesterov")
    add("--steps", type=arguments.count, default=500, metavar="K", help="steps of each run (default: 500)")
    add("--seed", type=arguments.seed, default=0, metavar="S", help="of the starting weights (default: 0)")
    add("--output", default="gradflow-stability", metavar="DIR", help="folder for the figure")
    add("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(command=_stability)


def _stability(options: argparse.Namespace) -> int:
    arguments.problem_name(options)
    from gradflow.cli import stability

    return stability.command(options)


def _compare(options: argparse.Namespace) -> int:
    arguments.problem_name(options)
    from gradflow.cli import compare

    return compare.command(options)


def _list(options: argparse.Namespace) -> int:
    from gradflow.cli import listing

    return listing.command(options)


def _run(options: argparse.Namespace) -> int:
    from gradflow.cli import experiments

    return experiments.command(options)


def _help(parser: argparse.ArgumentParser, _: argparse.Namespace) -> int:
    streams.say(parser.format_help())
    return 0
