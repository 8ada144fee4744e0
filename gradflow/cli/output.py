"""The files of a comparison: trajectories, one figure, and the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradflow import plots
from gradflow.cli import folders, numbers
from gradflow.cli.bands import Group, draw_bands
from gradflow.cli.drawing import readable, saved
from gradflow.cli.limits import limit_in_mathtext
from gradflow.cli.results import Finished, Part, Results
from gradflow.plots import style
from gradflow.plots.ceiling import ceiling_of
from gradflow.plots.distance import CEILING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    flows = [part.flow.run for part in results.parts]
    found = {rate: results.descents_at(rate) for rate in plan.learning_rates}
    descents = {rf"$\eta = {each[0].name}$": each for each in found.values() if each}
    width = 7.2 if descents else 3.6
    figure, panels = plots.new_figure(2 if descents else 1, width=width, height=2.9)
    with plots.in_style():
        if len(plan.grounds) > 1:
            _draw_seeds(flows, descents, panels)
        else:
            _draw_one(flows[0], descents, panels)
        panels[0].set_title(f"{readable(plan.name)}, {plan.rule}")
        if descents:
            panels[1].set_title(_limit(results))
        for panel in panels:
            panel.set_xscale("log", nonpositive="mask")
            panel.set_xlim(left=0.5 * plan.step_time(min(plan.learning_rates)))
    return figure


def _draw_one(flow: Any, descents: dict[str, list[Finished]], panels: Any) -> None:
    runs = {label: each[0].run for label, each in descents.items()}
    plots.draw_losses({"flow": flow, **runs}, ax=panels[0])
    if descents:
        apart: dict[str, Any] = {label: each[0].comparison for label, each in descents.items()}
        plots.draw_distance(apart, ax=panels[1])


def _draw_seeds(flows: list[Any], descents: dict[str, list[Finished]], panels: Any) -> None:
    """Draw medians, and bands over all seeds."""
    losses: dict[str, Group] = {"flow": flows}
    losses |= {label: [each.run for each in group] for label, group in descents.items()}
    lines = style.lines({label: group[0] for label, group in losses.items()})  # type: ignore[misc]
    draw_bands(losses, lines, ceiling_of(flows), panels[0])
    panels[0].set(xlabel=style.TIME, ylabel=f"{style.LOSS}, median of {len(flows)} seeds")
    _explain(panels[0])
    if descents:
        apart: dict[str, Any] = {
            label: [each.comparison for each in group] for label, group in descents.items()
        }
        way = max(float(np.max(each.travelled)) for group in apart.values() for each in group)
        draw_bands(apart, lines, CEILING * way if way > 0 else np.inf, panels[1])
        panels[1].set(xlabel=style.TIME, ylabel=style.DISTANCE)
        _explain(panels[1])


def _explain(ax: Axes) -> None:
    style.read_narrow_decades(ax)
    style.legend(ax)


def _limit(results: Results) -> str:
    ground = results.plan.grounds[0]
    if ground.limit is None:
        return "no stability limit at the start"
    return rf"{limit_in_mathtext(results.plan.make(1.0))} = {ground.limit:.3g} at the start"
