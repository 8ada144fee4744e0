"""``gradflow run``: experiments with their parameters, one after the other or several at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradflow.cli import arguments, side_by_side, streams
from gradflow.cli.arguments import Refused

if TYPE_CHECKING:
    from gradflow.experiments import Experiment

FOLDER = "gradflow-run"
INTERRUPTED = 130
FAILED = 1


def add_options(parser: arguments.Parser) -> None:
    """Declare the words of ``gradflow run``."""
    add = parser.add_argument
    add("experiments", nargs="*", metavar="NAME", help="its name, or the path of a script; none lists them")
    add("-h", "--help", action="store_true", dest="show_help", help="show this, or the parameters of NAME")
    add("--all", action="store_true", help="run every experiment")
    add("--set", nargs="+", action="extend", default=[], metavar="key=value", help="parameters of its run")
    add("--seed", type=arguments.seed, metavar="S", help="the same as --set seed=S")
    add("--quick", action="store_true", help="run in seconds, with smaller parameters")
    add("--output", default=FOLDER, metavar="DIR", help=f"folder for all that it leaves (default: {FOLDER})")
    add("--update", action="store_true", help="also replace the committed figure, in a checkout")
    add("--progress", action="store_true", help="show a progress bar for each run")
    add("--jobs", type=arguments.count, default=1, metavar="N", help="run so many at once (default: 1)")
    parser.otherwise = ": a parameter is set by --set {name}=VALUE, gradflow run NAME --help lists them"


def command(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run the experiments that were asked for and return the exit status.

    Status 130 is an interrupt, 1 a run that failed or spent its budget: neither draws a figure.

    Raises
    ------
    Refused
        If there is no such experiment or parameter, or the folder cannot be written; nothing has run then.
    """
    from gradflow import experiments
    from gradflow.cli.folders import named_folder

    # `--set a=1 NAME` takes the name for a value.
    taken = [word for word in options.set if word.endswith(".py") or word in experiments.names()]
    options.set = [word for word in options.set if word not in taken]
    names = list(dict.fromkeys([*options.experiments, *taken]))
    if options.all and names:
        raise Refused("give either the NAME of an experiment or --all")
    names = experiments.names() if options.all else names
    if options.show_help:
        streams.say("\n".join(map(_described, _loaded(names))) if names else parser.format_help())
        return 0
    if not names:
        streams.say(overview())
        return 0
    # Here, since it brings the problems: who asks what there is does not wait for scipy.
    from gradflow.cli.own_file import blamed_script

    planned = [(name, each, _values(each, options)) for name, each in zip(names, _loaded(names), strict=True)]
    figures = _figures(options)
    folder = named_folder(options.output)
    if options.jobs > 1 and len(planned) > 1:
        return side_by_side.run(names, options)
    status = 0
    for name, experiment, values in planned:
        with blamed_script(name):
            status = max(status, _performed(experiment, values, folder, figures, options.progress))
        if status == INTERRUPTED:
            break
    return status


def overview() -> str:
    """Return the experiments with their questions."""
    from gradflow import experiments

    width = max(map(len, experiments.names()))
    lines = [f"  {name:{width}}  {experiments.question(name)}" for name in experiments.names()]
    return "\n".join(["experiments (gradflow run NAME, gradflow run NAME --help)", *lines, ""])


def _loaded(names: list[str]) -> list[Experiment]:
    from gradflow import experiments
    from gradflow.cli.own_file import blamed_script

    found = []
    for name in names:
        try:
            with blamed_script(name):
                found.append(experiments.load(name))
        except ValueError as error:
            raise Refused(error) from None
    return found


def _values(experiment: Experiment, options: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of a run: quick ones, then those that were set."""
    from gradflow.experiments.parameters import parameters, settings

    words = [*options.set, *([] if options.seed is None else [f"seed={options.seed}"])]
    if options.update and (words or options.quick):
        raise Refused("`update` must stand without --set, --seed and --quick: figures have the defaults")
    try:
        found = settings(experiment.name, parameters(experiment.run), words)
    except ValueError as error:
        raise Refused(error) from None
    return {**(experiment.quick if options.quick else {}), **found}


def _figures(options: argparse.Namespace) -> Path | None:
    from gradflow.experiments.finding import FIGURES

    if options.update and FIGURES is None:
        raise Refused("`update` must be used in a checkout of gradflow, which has the folder figures")
    return FIGURES if options.update else None


def _performed(
    experiment: Experiment, values: dict[str, Any], folder: Path, figures: Path | None, progress: bool
) -> int:
    from gradflow import experiments

    try:
        left = experiments.perform(experiment, values, folder, figures=figures, progress=progress)
    except experiments.BrokenOff as error:
        streams.complain(experiment.name, error)
        return INTERRUPTED if error.is_interrupt else FAILED
    except ValueError as error:
        if values in ({}, experiment.quick):
            raise
        raise Refused(f"{experiment.name}: {error}") from error
    streams.say("\n".join([experiment.question, *left.answers, *map(str, left.paths), ""]))
    return 0


def _described(experiment: Experiment) -> str:
    """Return the help of one experiment: its question and its parameters."""
    from gradflow.experiments.parameters import parameters

    lines = [experiment.text, "", f"usage: gradflow run {experiment.name} [--set key=value ...]", ""]
    for each in parameters(experiment.run).values():
        lines += [f"  {each.name} = {_shown(each.default)}", *([f"      {each.text}"] if each.text else [])]
    quick = " ".join(f"{name}={_shown(value)}" for name, value in experiment.quick.items())
    return "\n".join(
        [*lines, "", f"--quick sets {quick or 'nothing'}", "other options: gradflow run --help", ""]
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
