"""What the figures of stability show: their artists' data, labels and limits."""

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import gradflow as gf
from gradflow import plots
from gradflow.analysis.stability import bifurcation_diagram, one_step_map
from gradflow.curvature import SharpnessTracker
from gradflow.events import sharpness_reaches
from gradflow.plots.regimes import COLORS
from gradflow.problems import Catapult, DoubleWell, Quadratic
from gradflow.rules import Adam, GradientDescent, HeavyBall

WELL = DoubleWell()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def ax():
    return Figure().subplots()


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_bifurcation_diagram_has_every_point_of_the_attractor_and_its_thresholds(ax):
    diagram = bifurcation_diagram(WELL, [0.9, 1.1], [0.9], num_kept=8)
    plots.draw_bifurcation(diagram, thresholds={"flip": 1.0}, ax=ax)
    dots, line = ax.get_lines()
    np.testing.assert_array_equal(dots.get_ydata(), diagram.points.ravel())
    np.testing.assert_array_equal(np.unique(dots.get_xdata()), [0.9, 1.1])
    assert line.get_xdata()[0] == 1.0
    assert ax.texts[0].get_text() == "flip"
    with pytest.raises(ValueError, match="`weight` must be at most 0, got 1"):
        plots.draw_bifurcation(diagram, weight=1, ax=ax)


def marks_of(ax):
    """Return learning rate, row and regime of every mark, and what else is drawn."""
    regime_of = {color: name for name, color in COLORS.items()}
    return {
        (float(x), int(y)): regime_of[line.get_color()]
        for line in ax.get_lines()
        if line.get_marker() == "s"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def test_only_learning_rates_that_were_run_have_a_color(ax):
    names = {0.4: "DIVERGED", 0.1: "MONOTONE", 0.2: "OVERSHOOTING"}
    plots.draw_regimes(list(names), list(names.values()), limit=0.3, ax=ax)
    assert marks_of(ax) == {(rate, 0): name for rate, name in names.items()}
    assert not ax.collections
    assert not ax.patches
    assert labels_of(ax) == ["monotone", "overshooting", "diverged", r"stability limit $2/\lambda$"]
    assert ax.get_xscale() == "log"


def test_thresholds_and_the_limit_stand_where_they_are_under_their_own_names(ax):
    plots.draw_regimes(
        [0.1, 0.2],
        [["MONOTONE", "PERIODIC"], ["MONOTONE", "MONOTONE"]],
        limit=0.3,
        limit_label="limit of Nesterov",
        thresholds={"loss never rises": 0.15, "steps die away": 0.25},
        rows=("seed 0", "seed 1"),
        ax=ax,
    )
    lines = {line.get_label(): line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() != "s"}
    assert lines == {"limit of Nesterov": 0.3, "loss never rises": 0.15, "steps die away": 0.25}
    assert labels_of(ax) == ["monotone", "periodic", *lines]
    assert marks_of(ax)[0.2, 0] == "PERIODIC"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["seed 0", "seed 1"]


def test_the_map_has_starts_as_rows(ax):
    names = [["MONOTONE", "PERIODIC"], ["CHAOTIC", "CHAOTIC"], ["STALLED", "DIVERGED"]]
    plots.draw_regime_map([0.1, 0.2], [-1.0, 0.0, 1.0], names, ax=ax)
    known = list(COLORS)
    codes = ax.collections[0].get_array().reshape(3, 2)
    assert [[known[int(code)] for code in row] for row in codes] == names


def test_every_regime_has_a_color_of_its_own():
    assert len(set(COLORS.values())) == len(COLORS) == 8


def test_the_stability_region_meets_the_axis_at_the_limits(ax):
    plots.draw_stability_region({"descent": GradientDescent(1.0), "ball": HeavyBall(1.0, 0.9)}, ax=ax)
    points = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == "o"]
    assert points == pytest.approx([2.0, 3.8])
    assert labels_of(ax) == [r"descent: 2$/\lambda$", r"ball: 3.8$/\lambda$"]
    circle = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(np.abs(circle[:, 0] + 1j * circle[:, 1] - 1), 1.0, atol=1e-3)


def test_the_cobweb_alternates_between_the_map_and_the_diagonal(ax):
    step = one_step_map(WELL, 1.1)
    plots.draw_cobweb(step, 0.9, 5, ax=ax)
    run = next(line for line in ax.get_lines() if line.get_label() == "run")
    x, y = run.get_data()
    np.testing.assert_array_equal(x[0::2], y[0::2])
    np.testing.assert_allclose(y[1::2], step(x[1::2]))
    assert len(x) == 11


def test_a_cobweb_that_leaves_the_finite_numbers_ends_there(ax):
    plots.draw_cobweb(one_step_map(WELL, 3.0), 2.5, 50, low=-3, high=3, ax=ax)
    assert all(np.isfinite(line.get_ydata()).all() for line in ax.get_lines() if line.get_label() == "run")


def test_the_spectrum_has_a_line_for_every_eigenvalue_and_the_limit(ax):
    problem = Catapult(20)
    record = {"sharpness": SharpnessTracker(problem, k=3)}
    run = gf.descend(problem, problem.initial_weights(), 0.5, 6, record=record)
    plots.draw_spectrum(run, ax=ax)
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), run.records["sharpness"][:, 1])
    np.testing.assert_allclose(ax.get_lines()[3].get_ydata(), 4.0)
    assert labels_of(ax)[-1] == r"limit $2/\eta$"


def test_a_spectrum_in_its_own_rhythm_stands_at_its_own_times_below_the_limit_of_momentum(ax):
    record = {"sharpness": gf.every(3, gf.records.sharpness(k=2))}
    run = gf.descend(Quadratic([1.0, 4.0]), [1.0, 1.0], gf.rules.HeavyBall(0.1, 0.5), 7, record=record)
    plots.draw_spectrum(run, ax=ax)
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), run.times[[0, 3, 6]])
    np.testing.assert_allclose(ax.get_lines()[2].get_ydata(), 2 * (1 + 0.5) / 0.1)
    assert labels_of(ax)[2:] == [r"limit $3/\eta$"]


def test_located_crossings_are_marked_where_they_are(ax):
    event = {"sharpness": sharpness_reaches(WELL, (0.5, 1.0))}
    run = gf.integrate(gf.GradientFlow(WELL), [0.5], 3.0, events=event)
    plots.mark_crossings(run, "sharpness", ax=ax)
    found = [line.get_xdata()[0] for line in ax.get_lines()]
    np.testing.assert_array_equal(found, run.crossings["sharpness"][1])


@pytest.mark.parametrize(
    ("draw", "match"),
    [
        (lambda ax: plots.draw_regimes([0.1], ["WILD"], ax=ax), "`names` must be of MONOTONE"),
        (lambda ax: plots.draw_regimes([0.1, 0.2], ["PERIODIC"], ax=ax), "`names` must have shape"),
        (lambda ax: plots.draw_regimes([-0.1], ["PERIODIC"], ax=ax), "must be positive"),
        (lambda ax: plots.draw_stability_region({}, ax=ax), "at least one rule"),
        (
            lambda ax: plots.draw_stability_region({"a": Adam(0.1)}, ax=ax),
            "whose steps are linear",
        ),
        (lambda ax: plots.draw_cobweb(one_step_map(WELL, 1.0), 0.9, 3, low=1, high=0, ax=ax), "below `high`"),
        (
            lambda ax: plots.draw_spectrum(gf.descend(Quadratic(1.0), [1.0], 0.1, 2), ax=ax),
            "must have recorded 'sharpness', got nothing",
        ),
        (
            lambda ax: plots.mark_crossings(gf.descend(Quadratic(1.0), [1.0], 0.1, 2), "edge", ax=ax),
            "must have watched for 'edge', got nothing",
        ),
    ],
)
def test_bad_arguments_are_named(draw, match, ax):
    with pytest.raises(ValueError, match=match):
        draw(ax)
