"""The figure of the verdicts: losses of every learning rate, and the regimes where they were found."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from gradflow import plots
from gradflow.cli.drawing import readable
from gradflow.cli.limits import limit_in_mathtext
from gradflow.cli.verdicts import QUESTIONS, Verdicts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Lines in a legend beside the losses.
MOST_EXPLAINED = 16


def figure_of(verdicts: Verdicts) -> Figure:
    """Return the losses of every learning rate, and below their regimes, the limit and the critical rates."""
    num_rows = len(verdicts.found)
    figure, (losses, marks) = plots.new_figure(width=6.75, height=4.2 + 0.2 * num_rows, num_rows=2)
    losses.get_gridspec().set_height_ratios([3.0, 0.8 + 0.2 * num_rows])
    with plots.in_style():
        _draw_losses(verdicts, losses)
        losses.set_title(f"{readable(verdicts.subject.name)}, {verdicts.rule}")
        _draw_marks(verdicts, marks)
        for ax in (losses, marks):
            _explain_beside(ax)
    return figure


def _explain_beside(ax: Axes) -> None:
    """Move a legend to where no curve is; of too many lines there is none."""
    legend: Any = ax.get_legend()
    handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
    legend.remove()
    if len(labels) <= MOST_EXPLAINED:
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0)


def _draw_losses(verdicts: Verdicts, ax: Axes) -> None:
    groups = {
        rf"$\eta = {rate:g}$": [verdict.runs[rate] for verdict in verdicts.found if rate in verdict.runs]
        for rate in verdicts.learning_rates
    }
    groups = {label: group for label, group in groups.items() if group}
    if len(verdicts.grounds) == 1:
        plots.draw_losses({label: group[0] for label, group in groups.items()}, axis="step", ax=ax)
    else:
        plots.draw_bands(groups, axis="step", ax=ax)


def _draw_marks(verdicts: Verdicts, ax: Axes) -> None:
    rates = [rate for rate in verdicts.learning_rates if all(rate in each.regimes for each in verdicts.found)]
    names = [[verdict.regimes[rate].name for rate in rates] for verdict in verdicts.found]
    limit = verdicts.grounds[0].limit
    plots.draw_regimes(
        rates,
        names,
        limit=limit,
        limit_label=limit_in_mathtext(verdicts.make(1.0)) if limit is not None else "",
        thresholds=_thresholds(verdicts),
        rows=[f"seed {verdict.ground.seed}" for verdict in verdicts.found if len(verdicts.found) > 1],
        ax=ax,
    )


def _thresholds(verdicts: Verdicts) -> dict[str, float]:
    """Return the critical learning rates that are printed, of several seeds their medians."""
    found = {}
    for question, what in QUESTIONS.items():
        rates = [rate for each in verdicts.found if (rate := each.critical.get(question)) is not None]
        if rates:
            found[f"{what}, up to {median(rates):.4g}"] = median(rates)
    return found
