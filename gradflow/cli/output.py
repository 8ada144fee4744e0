"""The files of a comparison: trajectories and one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow import plots
from gradflow.cli.results import Finished, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(results: Results) -> None:
    """Write what was finished into the output folder; an error on the way becomes `results.trouble`."""
    try:
        for finished in [results.flow, *results.descents]:
            if finished is not None:
                _save(finished, results)
        if results.flow is not None:
            results.figures.extend(
                plots.save_figure(
                    _figure(results, results.flow), results.plan.output / f"{results.plan.name}-compare"
                )
            )
    except OSError as error:
        results.trouble = f"not everything could be written: {error}"


def _save(finished: Finished, results: Results) -> None:
    name = finished.name if finished.run.is_continuous else f"descent-{finished.name}"
    path = results.plan.output / f"{results.plan.name}-{name}.npz"
    finished.run.save(path)
    results.trajectories.append(path)


def _figure(results: Results, flow: Finished) -> Figure:
    """Return losses and, where there are descents, their distance to the flow, over the logarithm of time."""
    descents = {rf"$\eta = {each.name}$": each for each in results.descents}
    compared = {label: each.comparison for label, each in descents.items() if each.comparison is not None}
    figure, panels = plots.new_figure(2 if compared else 1, width=7.2 if compared else 3.6, height=2.9)
    with plots.in_style():
        runs = {"flow": flow.run, **{label: each.run for label, each in descents.items()}}
        plots.draw_losses(runs, ax=panels[0]).set_title(results.plan.name)
        if compared:
            plots.draw_distance(compared, ax=panels[1]).set_title(_limit(results))
        for panel in panels:
            panel.set_xscale("log", nonpositive="mask")
            panel.set_xlim(left=0.5 * min(results.plan.learning_rates) / results.plan.rate)
    return figure


def _limit(results: Results) -> str:
    if results.limit is None:
        return "no stability limit at the start"
    return rf"stability limit $2/\lambda = {results.limit:.3g}$ at the start"
