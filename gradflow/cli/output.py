"""The files of a comparison: trajectories, one figure, and the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gradflow import plots
from gradflow.cli import folders, numbers
from gradflow.cli.drawing import readable, saved
from gradflow.cli.limits import limit_in_mathtext
from gradflow.cli.results import Finished, Part, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(results: Results) -> None:
    """Write what was finished into the output folder; an error on the way becomes `results.trouble`.

    What is no whole run, and a figure of such, has "partial" in its name.
    """
    plan = results.plan
    runs = {_path(run, part, results): run for part in results.parts for run in part.runs}
    picture = plan.output / f"{plan.name}-compare{'-partial' * results.is_partial}"
    try:
        if plan.replaces:
            folders.clear_earlier(plan.output)
        folders.announce(plan.output, [*runs, *(Path(f"{picture}.{form}") for form in ("png", "svg"))])
        for path, run in runs.items():
            run.run.save(path)
            results.trajectories.append(path)
        if results.parts:
            results.figures, results.trouble = saved(lambda: _figure(results), picture)
        folders.write_record(plan.output, numbers.as_json(results))
    except OSError as error:
        results.trouble = f"not everything could be written: {error}"


def _path(finished: Finished, part: Part, results: Results) -> Path:
    plan = results.plan
    seed = f"-seed-{part.ground.seed}" if len(plan.grounds) > 1 else ""
    name = finished.name if finished.run.is_continuous else f"descent-{finished.name}"
    return plan.output / f"{plan.name}{seed}-{name}{'-partial' * finished.is_partial}.npz"


def _figure(results: Results) -> Figure:
    """Return losses and, where there are descents, their distance to the flow, over the logarithm of time."""
    plan = results.plan
    found = [part.study for part in results.parts]
    # Of seeds those that have come as far as the first one.
    found = [study for study in found if list(study.descents) == list(found[0].descents)]
    panels = ("loss", "distance") if found[0].descents else ("loss",)
    figure = plots.draw_study(found, panels, height=2.9)
    titles = [f"{readable(plan.name)}, {plan.rule}{_seeds(results)}", _limit(results)]
    with plots.in_style():
        for ax, letter, title in zip(figure.axes, ("(a) ", "(b) "), titles, strict=False):
            ax.set_title("")
            ax.set_title(f"{letter * (len(figure.axes) > 1)}{title}", loc="left")
    return figure


def _seeds(results: Results) -> str:
    return f", {len(results.parts)} seeds" if len(results.plan.grounds) > 1 else ""


def _limit(results: Results) -> str:
    ground = results.plan.grounds[0]
    if ground.limit is None:
        return "no stability limit at the start"
    return rf"{limit_in_mathtext(results.plan.make(1.0))} = {ground.limit:.3g} at the start"
