"""``gradflow plot``: figures again, from the files of experiments and of runs."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator
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
    found = list(dict.fromkeys(path for each in options.paths for path in _files(_there(each))))
    if folder is None:
        for each in dict.fromkeys(path.parent for path in found):
            named_folder(str(each))
    for paths in _redrawn(found, options.script, folder):
        streams.say("".join(f"{each}\n" for each in paths))
    return 0


def _redrawn(found: list[Path], script: str | None, folder: Path | None) -> Iterator[list[Path]]:
    """Draw one figure after the other, and yield the files of each."""
    from gradflow.cli.own_file import blamed_script

    used: Counter[Path] = Counter()
    drawings = _drawings(found, script)
    while True:
        try:
            with blamed_script(script):
                path, draw = next(drawings)
                target = _target(folder or path.parent, path.stem, used)
                paths = _saved(draw(), target.parent, target.name)
        except StopIteration:
            return
        except (ValueError, OSError) as error:
            raise Refused(error) from None
        yield paths


def _there(given: str) -> Path:
    """Return the path of something that is there."""
    from gradflow.files import as_path

    try:
        path = as_path("path", given)
    except ValueError as error:
        raise Refused(error) from None
    if not os.path.lexists(path):
        raise Refused(f"`path` must be a file or folder, got {given!r:.200}, where there is none")
    return path


def _target(folder: Path, name: str, used: Counter[Path]) -> Path:
    """Return where a figure goes: of the same name in one folder, the second has the number 2."""
    target = folder / name
    used[target] += 1
    return target if used[target] == 1 else target.with_name(f"{name}-{used[target]}")


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


def _drawings(paths: list[Path], script: str | None) -> Iterator[tuple[Path, Callable[[], Figure]]]:
    """Yield one drawing for each experiment, and one for all the trajectories of a folder together."""
    from gradflow.simulate.whole import PARTS

    runs = [path for path in paths if path.suffix == ".npz"]
    for path in paths:
        if path not in runs:
            yield path, partial(_experiment, path, script)
    for folder in dict.fromkeys(path.parent for path in runs):
        beside = [path for path in runs if path.parent == folder]
        runs_there = _loaded(beside)
        name = f"{NAME}-partial" if any(run.outcome in PARTS for run in runs_there.values()) else NAME
        yield folder / name, partial(_trajectories, runs_there)


def _experiment(path: Path, script: str | None) -> Figure:
    from gradflow import experiments
    from gradflow.experiments.leaving import header

    name = header(path)["experiment"]
    experiment = experiments.load(name if script is None else script)
    return experiment.plot(experiments.read(path, experiment))


def _loaded(paths: list[Path]) -> dict[str, Trajectory]:
    """Return the runs by their names, and what kept one from being whole."""
    from gradflow.simulate.whole import PARTS
    from gradflow.trajectory import Trajectory

    runs = [(path.stem, Trajectory.load(path)) for path in paths]
    return {
        f"{name} ({run.outcome.name.lower()})" if run.outcome in PARTS else name: run for name, run in runs
    }


def _trajectories(runs: dict[str, Trajectory]) -> Figure:
    """Return the losses of all runs and, where one of them is a flow, the distance of the others to it."""
    from gradflow import plots
    from gradflow.analysis import compare

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
