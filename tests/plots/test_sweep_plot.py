import numpy as np
import pytest

from gradflow import plots
from gradflow.problems import Quadratic
from gradflow.sweeps import Sweep, critical_rates, regimes
from tests.plots.boxes import faults


def well(curvature=1.0):
    return Quadratic(curvature)


def start(problem, seed):
    return [1.0 + seed]


def result(rates=(0.1, 0.5, 1.5, 2.5), curvatures=(1.0, 2.0), **options):
    axes = {"curvature": curvatures, "seed": range(3), "learning_rate": rates}
    return Sweep(well, axes, 3000, start=start, **options).run()


def test_a_line_is_the_median_and_a_band_goes_from_the_least_to_the_largest():
    sweep = Sweep(well, {"seed": range(3), "learning_rate": [0.1, 0.2]}, 1, start=start).run()
    ax = plots.draw_sweep(sweep)
    (line,) = ax.lines
    # One step multiplies the weight by 1 - eta.
    np.testing.assert_allclose(line.get_ydata(), 0.5 * (2 * (1 - line.get_xdata())) ** 2)
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(0.5 * 0.8**2)
    assert heights.max() == pytest.approx(0.5 * 2.7**2)


def test_what_diverged_from_every_start_is_marked_at_the_top():
    ax = plots.draw_sweep(result(curvatures=(1.0,)))
    marks = [line for line in ax.lines if line.get_label() == "diverged"]
    assert [line.get_xdata().tolist() for line in marks] == [[2.5]]


@pytest.mark.parametrize("width", ["column", "text"])
def test_nothing_touches_on_paper(width):
    figure, (ax,) = plots.new_figure(width=width)
    plots.draw_sweep(result(), ax=ax)
    assert faults(figure) == []


def test_other_columns_and_what_cannot_be_drawn():
    found = result(compute=(critical_rates, regimes))
    ax = plots.draw_sweep(found, "critical_rate")
    assert ax.get_ylabel().startswith("critical learning rate")
    with pytest.raises(ValueError, match="`y` must be a column of numbers, got 'regime'"):
        plots.draw_sweep(found, "regime")
    with pytest.raises(ValueError, match="`name` must be one of"):
        plots.draw_sweep(found, "loss")
    with pytest.raises(ValueError, match="at most 6 values of curvature"):
        plots.draw_sweep(result(curvatures=range(1, 9)))
    with pytest.raises(ValueError, match="must have an axis of learning rates"):
        plots.draw_sweep(Sweep(well, {"seed": [0]}, 1, 0.1, start=start).run())
