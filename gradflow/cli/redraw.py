"""``gradflow plot``: figures again, from the files of experiments and of runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.cli import streams
from gradflow.cli.arguments import Refused

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gradflow.trajectory import Trajectory

NAME = "trajectories"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the words of ``gradflow plot``."""
    add = parser.add_argument
    add("paths", nargs="+", metavar="DIR|FILE", help="a folder, NAME.json of an experiment, or .npz of runs")
    add("--output", metavar="DIR", help="folder for the figures (default: beside the files)")
    add("--script", metavar="PATH", help="the script, where the experiment is your own")


def command(options: argparse.Namespace) -> int:
    """Draw what the files hold and return the exit status.

    Raises
    ------
    Refused
        If there is no such file, or one holds neither an experiment nor a trajectory.
    """
    from gradflow.cli.folders import named_folder

    folder = None if options.output is None else named_folder(options.output)
    found = [path for each in options.paths for path in _files(Path(each))]
    try:
        for path, draw in _drawings(found, options.script):
            streams.say("".join(f"{each}\n" for each in _saved(draw(), folder or path.parent, path.stem)))
    except (ValueError, OSError) as error:
        raise Refused(error) from None
    return 0


def _files(path: Path) -> list[Path]:
    """Return the files to draw: those of a folder, or of the folders in it where it has none itself."""
    if not path.is_dir():
        beside = path.with_suffix(".json")
        return [beside if _is_experiment(beside) else path]
    files = _in_folder(path)
    for each in sorted(path.iterdir()) if not files else ():
        files += _in_folder(each) if each.is_dir() else []
    if not files:
        raise Refused(f"`path` must hold an experiment's NAME.json or the .npz of a run, got {str(path)!r}")
    return files


def _in_folder(folder: Path) -> list[Path]:
    """Return its experiments, or its runs where it has no experiment."""
    return _experiments(folder) or sorted(folder.glob("*.npz"))


def _experiments(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.json")) if _is_experiment(path)]


def _is_experiment(path: Path) -> bool:
    from gradflow.experiments.leaving import header

    try:
        header(path)
    except (OSError, ValueError):
        return False
    return True


def _drawings(paths: list[Path], script: str | None) -> list[tuple[Path, Callable[[], Figure]]]:
    """Return one drawing for each experiment, and one for all the trajectories of a folder together."""
    runs = [path for path in paths if path.suffix == ".npz"]
    drawings: list[tuple[Path, Callable[[], Figure]]] = [
        (path, partial(_experiment, path, script)) for path in paths if path not in runs
    ]
    for folder in dict.fromkeys(path.parent for path in runs):
        beside = [path for path in runs if path.parent == folder]
        drawings.append((folder / NAME, partial(_trajectories, beside)))
    return drawings


def _experiment(path: Path, script: str | None) -> Figure:
    from gradflow import experiments
    from gradflow.experiments.leaving import header

    name = header(path)["experiment"]
    experiment = experiments.load(name if script is None else script)
    return experiment.plot(experiments.read(path, experiment))


def _trajectories(paths: list[Path]) -> Figure:
    """Return the losses of all runs and, where one of them is a flow, the distance of the others to it."""
    from gradflow import plots
    from gradflow.analysis import compare
    from gradflow.trajectory import Trajectory

    runs = {path.stem: Trajectory.load(path) for path in paths}
    flows = [run for run in runs.values() if run.is_continuous]
    descents = {name: run for name, run in runs.items() if not run.is_continuous}
    is_compared = len(flows) == 1 and bool(descents)
    figure, panels = plots.new_figure(2 if is_compared else 1, width=7.0 if is_compared else 3.5)
    plots.draw_losses(_in_order(runs), ax=panels[0])
    if is_compared:
        plots.draw_distance({name: compare(run, flows[0]) for name, run in descents.items()}, ax=panels[1])
    return figure


def _in_order(runs: dict[str, Trajectory]) -> dict[str, Trajectory]:
    """Return flows first, as the other panel numbers the colors of descents."""
    return dict(sorted(runs.items(), key=lambda each: not each[1].is_continuous))


def _saved(figure: Figure, folder: Path, name: str) -> list[Path]:
    from gradflow import plots

    return plots.save_figure(figure, folder / name)
