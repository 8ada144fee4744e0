"""What a run leaves: NAME.json, NAME.npz, NAME.csv and the figure; and results out of them again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from threadpoolctl import threadpool_limits

from gradflow import configuration, plots
from gradflow.experiments.answers import lines, plain
from gradflow.experiments.experiment import Experiment
from gradflow.experiments.packing import packed, unpacked
from gradflow.experiments.runs import watched
from gradflow.experiments.table import write_table
from gradflow.files import check_regular, written_whole
from gradflow.plots.series import shown_series
from gradflow.simulate.interrupts import Interrupts
from gradflow.simulate.whole import Unfinished
from gradflow.trajectory import Trajectory, members

FORMAT, VERSION = "gradflow-experiment", 1


@dataclass(frozen=True, eq=False)
class Left:
    """What a run has left.

    Attributes
    ----------
    answers : list of str
        The lines to print.
    paths : list of Path
        The files written, the figure's last.
    """

    answers: list[str]
    paths: list[Path]


class BrokenOff(Exception):
    """An experiment that came to no end, for a run that was interrupted, failed or spent its budget.

    Attributes
    ----------
    is_interrupt : bool
        Whether a person stopped it.
    kept : list of Path
        The runs that it had reached, the one that ended it last.
    """

    def __init__(self, error: Unfinished | KeyboardInterrupt, kept: list[Path]) -> None:
        reason = f"{error}" if isinstance(error, Unfinished) else "interrupted between two runs"
        where = f"what was reached is in {kept[0].parent}" if kept else "no run was reached"
        super().__init__(f"{reason}; nothing was drawn, {where}")
        self.is_interrupt = not isinstance(error, Unfinished) or error.is_interrupt
        self.kept = kept


def perform(
    experiment: Experiment,
    values: Mapping[str, Any],
    folder: Path,
    *,
    figures: Path | None = None,
    progress: bool = False,
) -> Left:
    """Run an experiment on one BLAS thread and write its numbers and its figure into a folder.

    The matrices are small, and on one thread sums come out alike whatever the number of cores.

    Parameters
    ----------
    experiment : Experiment
    values : mapping of str to value
        Keywords of its `run`; the others have their defaults.
    folder : Path
        It must exist.
    figures : Path, optional
        A second folder for the figure.
    progress : bool
        Show a bar for each run.

    Raises
    ------
    BrokenOff
        If one of its runs is no whole one, or it is interrupted: its last runs are saved in the folder
        NAME.unfinished, and nothing else is written.
    """
    with threadpool_limits(1), watched(progress) as watch:
        try:
            results = experiment.run(**values)
            answers, figure = experiment.answers(results), experiment.plot(results)
        except (Unfinished, KeyboardInterrupt) as error:
            with Interrupts() as interrupts:
                interrupts.hold()  # whoever is impatient must not lose what was reached
                kept = _kept(watch.reached, experiment, folder)
            raise BrokenOff(error, kept) from error
    paths = [folder / f"{experiment.name}.{suffix}" for suffix in ("json", "npz", "csv")]
    with written_whole(*paths) as (header, numbers, table):
        header.write_text(f"{json.dumps(_header(experiment, values, answers), indent=2)}\n", encoding="utf-8")
        with open(numbers, "wb") as file:
            np.savez(file, **packed(results))  # type: ignore[arg-type]
        write_table(table, shown_series(figure))
    for each in (folder, figures):
        if each is not None:
            paths += plots.save_figure(figure, each / experiment.name)
    return Left(lines(answers), paths)


def _kept(runs: Iterable[Trajectory], experiment: Experiment, folder: Path) -> list[Path]:
    """Save runs under another name than that of results, in place of those of an earlier time."""
    place = folder / f"{experiment.name}.unfinished"
    for old in place.glob("run-*.npz"):
        old.unlink()
    paths = [place / f"run-{number:02}.npz" for number, _ in enumerate(runs, 1)]
    if paths:
        place.mkdir(exist_ok=True)
    for path, run in zip(paths, runs, strict=True):
        run.save(path)
    return paths


def read(path: Path, experiment: Experiment) -> Any:
    """Return the results of an experiment from NAME.npz, beside a NAME.json, where `perform` wrote them.

    Raises
    ------
    OSError
        If there is no file.
    ValueError
        If they are of something else, or the script has other results by now.
    """
    numbers = path.with_suffix(".npz")
    check_regular(numbers)
    kind = get_type_hints(experiment.run)["return"]
    try:
        return unpacked(kind, _arrays(numbers))
    except ValueError as error:
        raise ValueError(f"{error} to be results of {experiment.name}, got {str(numbers)!r:.200}") from None


def header(path: Path) -> dict[str, Any]:
    """Return what NAME.json says: "experiment", "parameters", "answers", "made_with".

    Raises
    ------
    OSError
        If there is no file.
    ValueError
        If it is of something else.
    """
    check_regular(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        is_ours = (
            found["format"] == FORMAT and found["version"] <= VERSION and type(found["experiment"]) is str
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise ValueError(f"`path` must be the JSON of an experiment, got {str(path)!r}")
    return dict(found)


def _header(experiment: Experiment, values: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    defaults = experiment.run.__kwdefaults__ or {}
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": experiment.name,
        "question": experiment.question,
        "parameters": plain({**defaults, **values}),
        "answers": plain(answers),
        "made_with": configuration.config(),
    }


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file, which was not compressed, so that none is larger than the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise ValueError("it is compressed")
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            found = members.described(archive, names)
            return {name: members.read(archive, name, member) for name, member in found.items()}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"`path` must be a file of plain arrays ({reason:.150})") from None
