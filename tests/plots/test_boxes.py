"""Every plot function at the width of a column and of a page: letters that can be read, none on another."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import gradflow as gf
from benchmarks import flow_figure
from gradflow import plots
from gradflow.analysis.stability import bifurcation_diagram, one_step_map
from gradflow.events import sharpness_reaches
from gradflow.plots.style import COLUMN_WIDTH, TEXT_WIDTH
from tests.plots.boxes import drawn_texts, faults

PROBLEM = gf.problems.Quadratic([1.0, 4.0])
WELL = gf.problems.DoubleWell()
START = [1.0, 1.0]
XOR = gf.problems.FeedForward(*gf.datasets.xor(), [3])
RATES = (0.1, 0.25, 0.45, 0.49, 0.6)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def record():
    return {"sharpness": gf.records.sharpness()}


def flow(problem=PROBLEM, w0=START, end_time=30.0):
    return gf.integrate(gf.GradientFlow(problem), w0, end_time, record=record())


def runs(problem=PROBLEM, w0=START):
    descents = {
        rf"$\eta = {rate}$": gf.descend(problem, w0, rate, end_time=30.0, record=record()) for rate in RATES
    }
    return {"flow": flow(problem, w0), **descents}


def comparisons():
    found = runs()
    return {label: gf.compare(run, found["flow"]) for label, run in found.items() if label != "flow"}


def seeds():
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=2) for _ in range(4)]
    groups = {
        rf"$\eta = {rate}$": [gf.descend(PROBLEM, w0, rate, end_time=20.0) for w0 in starts] for rate in RATES
    }
    return {"flow": [flow(w0=w0, end_time=20.0) for w0 in starts], **groups}


def network():
    w0 = XOR.initial_weights(0)
    return {
        "flow": gf.integrate(gf.GradientFlow(XOR), w0, 20.0),
        "descent": gf.descend(XOR, w0, 0.8, end_time=20.0),
    }


def one_weight():
    return {"flow": gf.integrate(gf.GradientFlow(WELL), [0.2], 9.0), "a": gf.descend(WELL, [0.2], 0.9, 9)}


def marked(ax):
    event = {"sharpness": sharpness_reaches(WELL, (0.5, 1.0))}
    run = gf.integrate(gf.GradientFlow(WELL), [0.5], 3.0, events=event, record=record())
    return plots.mark_crossings(run, "sharpness", ax=plots.draw_sharpness(run, ax=ax))


NAMES = ["MONOTONE", "OVERSHOOTING", "CATAPULT", "PERIODIC", "CHAOTIC", "DIVERGED", "STALLED"]
LIKELY = {"descent": gf.rules.GradientDescent(1.0), "heavy ball 0.9": gf.rules.HeavyBall(1.0, 0.9)}

DRAWINGS = {
    "losses": lambda ax: plots.draw_losses(runs(), ax=ax),
    "losses, log": lambda ax: plots.draw_losses(runs(), xscale="log", ax=ax),
    "losses, steps": lambda ax: plots.draw_losses(runs(), axis="step", xscale="log", ax=ax),
    "distance": lambda ax: plots.draw_distance(comparisons(), ax=ax),
    "distance, log": lambda ax: plots.draw_distance(comparisons(), xscale="log", ax=ax),
    "sharpness": lambda ax: plots.draw_sharpness(runs(), ax=ax),
    "sharpness, log": lambda ax: plots.draw_sharpness(runs(), xscale="log", ax=ax),
    "spectrum": lambda ax: plots.draw_spectrum(runs()["flow"], ax=ax),
    "crossings": marked,
    "bands": lambda ax: plots.draw_bands(seeds(), xscale="log", ax=ax),
    "final loss": lambda ax: plots.draw_final_loss(
        RATES, [1.0, 0.9, 0.8, 2.0, np.nan], limit=0.5, flow_loss=0.85, ax=ax
    ),
    "final loss, narrow": lambda ax: plots.draw_final_loss([0.1, 0.2, 0.3], [1.0, 1.2, 1.1], ax=ax),
    "path, one weight": lambda ax: plots.draw_path(WELL, one_weight(), ax=ax),
    "path, two weights": lambda ax: plots.draw_path(PROBLEM, runs(), ax=ax),
    "path, network": lambda ax: plots.draw_path(XOR, network(), num_points=9, ax=ax),
    "path, eigenvectors": lambda ax: plots.draw_path(
        XOR, network(), plane="eigenvectors", num_points=9, ax=ax
    ),
    "regimes": lambda ax: plots.draw_regimes(np.geomspace(0.1, 0.7, 7), NAMES, limit=0.5, ax=ax),
    "regimes, many": lambda ax: plots.draw_regimes(np.geomspace(0.1, 7, 28), NAMES * 4, limit=0.5, ax=ax),
    "regime map": lambda ax: plots.draw_regime_map(
        np.linspace(0.1, 0.7, 7), [0.0, 1.0], [NAMES, NAMES], ax=ax
    ),
    "bifurcation": lambda ax: plots.draw_bifurcation(
        bifurcation_diagram(WELL, [0.9, 1.1], [0.9], num_kept=8), thresholds={"flip": 1.0}, ax=ax
    ),
    "cobweb": lambda ax: plots.draw_cobweb(one_step_map(WELL, 1.1), 0.9, 30, ax=ax),
    "stability region": lambda ax: plots.draw_stability_region(LIKELY, ax=ax),
}


@pytest.mark.parametrize("width", [COLUMN_WIDTH, TEXT_WIDTH])
@pytest.mark.parametrize("name", DRAWINGS)
def test_every_drawing_can_be_read_at_paper_size(name, width):
    figure, (ax,) = plots.new_figure(width=width)
    DRAWINGS[name](ax)
    assert faults(figure) == []


def study(**options):
    return gf.study(PROBLEM, START, [0.1, 0.45, 0.49, 0.6], 30.0, **options)


@pytest.mark.parametrize("width", ["column", "text", 5.0])
@pytest.mark.parametrize("xscale", ["log", "linear"])
def test_the_figure_of_a_study_can_be_read_at_paper_size(width, xscale):
    found = study(record=record())
    assert faults(plots.draw_study(found, width=width, xscale=xscale)) == []
    assert faults(plots.draw_study(study(), width=width, xscale=xscale)) == []


def test_the_figure_of_all_methods_can_be_read_at_paper_size():
    rng = np.random.default_rng(0)

    def points():
        start = 10 ** rng.uniform(2, 3)
        return [[SimpleNamespace(gradients=start * (1 + k), error=0.1 * 10 ** (-0.8 * k)) for k in range(7)]]

    results = {name: points() for name in (*flow_figure.LINES, *flow_figure.EXPLICIT)}
    figure = flow_figure.plot({f"problem {place}": results for place in range(9)})
    assert figure.get_size_inches()[0] == TEXT_WIDTH
    assert faults(figure) == []
    for ax in figure.axes:
        colors = [line.get_color() for line in ax.get_lines()]
        assert len(ax.collections) == 1
        assert colors.count("black") == 4
        assert len(set(colors)) == len(colors) - 3


class TestTheChecker:
    """It finds what it is there to find."""

    def figure(self):
        figure = Figure(figsize=(3.0, 2.0), layout="constrained")
        return figure, figure.subplots()

    def test_small_letters(self):
        figure, ax = self.figure()
        ax.text(0.5, 0.5, "tiny", fontsize=5.9)
        ax.text(0.5, 0.2, "large", fontsize=6.0)
        assert faults(figure) == ["'tiny' has 5.9 pt"]

    def test_texts_on_one_another(self):
        figure, ax = self.figure()
        ax.text(0.5, 0.5, "over")
        ax.text(0.5, 0.55, "under")
        ax.text(0.5, 0.8, "apart")
        assert faults(figure) == ["'over' lies on 'under'"]

    def test_texts_beyond_the_edge(self):
        figure, _ = self.figure()
        figure.text(0.8, 0.5, "a long sentence")
        assert faults(figure) == ["'a long sentence' is cut off"]

    def test_a_legend_over_a_curve(self):
        figure, ax = self.figure()
        ax.plot([0, 1], [0, 1], label="line")
        assert faults(figure) == []
        ax.legend(loc="upper right")
        assert faults(figure) == ["the legend covers 'line'"]

    def test_labels_of_ticks_in_a_smear(self):
        figure, ax = self.figure()
        ax.set_xticks(np.linspace(0, 1, 12), [f"{x:.5f}" for x in np.linspace(0, 1, 12)])
        assert sum("lies on" in fault for fault in faults(figure)) >= 11

    def test_turned_texts_that_only_seem_to_touch(self):
        figure, _ = self.figure()
        first, second = (figure.text(x, 0.5, "turned text", rotation=60, va="center") for x in (0.3, 0.4))
        assert first.get_window_extent().overlaps(second.get_window_extent())
        assert faults(figure) == []
        second.set_x(0.32)
        assert faults(figure) == ["'turned text' lies on 'turned text'"]

    def test_what_is_not_drawn_is_no_fault(self):
        figure, ax = self.figure()
        ax.text(0.5, 0.5, "hidden", visible=False, fontsize=1)
        ax.text(0.5, 0.5, " ", fontsize=1)
        assert "hidden" not in [text.get_text() for text, _ in drawn_texts(figure)]
        assert faults(figure) == []

    def test_global_settings_stay_as_they_are(self):
        before = dict(mpl.rcParams)
        faults(self.figure()[0])
        assert dict(mpl.rcParams) == before
