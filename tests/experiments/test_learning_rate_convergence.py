"""The experiment, run small: the slope it claims, the figure it draws, the files it writes."""

import numpy as np
import pytest

import gradflow as gf
from experiments import learning_rate_convergence as experiment
from gradflow.plots import style


@pytest.fixture(scope="module")
def results():
    return experiment.run(names=("xor", "quadratic"), end_times=(4.0, 1.0), num_halvings=8)


def test_the_distance_to_the_flow_falls_with_slope_one_at_the_finest_pair(results):
    for each in results:
        assert each.orders[-1] == pytest.approx(1.0, abs=0.1)


def test_the_digits_have_slope_one_too():
    (digits,) = experiment.run(names=("digits",), end_times=(0.5,), largest=0.25, num_halvings=3)
    assert digits.orders[-1] == pytest.approx(1.0, abs=0.1)


def test_distances_of_the_quadratic_are_those_of_the_closed_forms(results):
    quadratic = results[1]
    end_time, start = quadratic.flow.times[-1], quadratic.flow.weights[0]
    rates, eigenvalues = quadratic.learning_rates[:, np.newaxis], np.array([1.0, 10.0])
    flow = np.exp(-eigenvalues * end_time) * start
    descent = (1 - rates * eigenvalues) ** (end_time / rates).round() * start
    expected = np.linalg.norm(descent - flow, axis=1) / np.linalg.norm(flow - start)
    np.testing.assert_allclose(quadratic.distances, expected, rtol=1e-4)


def test_every_descent_ends_at_the_time_of_the_flow(results):
    for each in results:
        ends = [descent.times[-1] for descent in each.descents]
        np.testing.assert_allclose(ends, each.flow.times[-1], rtol=1e-12)


def test_learning_rates_start_above_the_limit_and_halve(results):
    for each in results:
        assert each.limit < each.learning_rates[0] <= 4 * each.limit
        np.testing.assert_array_equal(each.learning_rates[1:] * 2, each.learning_rates[:-1])


def test_another_seed_is_another_start():
    starts = [
        experiment.run(names=("xor",), end_times=(1.0,), num_halvings=1, seed=seed)[0].flow.weights[0]
        for seed in (0, 1)
    ]
    assert not np.array_equal(*starts)


def test_the_figure_has_a_panel_for_each_case_and_one_for_the_distances(results):
    figure = experiment.plot(results)
    *decreases, distances = figure.axes
    titles = [ax.get_title(loc="left") for ax in decreases]
    assert titles == ["(a) exclusive or, 2-4-1", "(b) quadratic"]
    for ax, each in zip(decreases, results, strict=True):
        flow = ax.get_lines()[0]
        np.testing.assert_array_equal(flow.get_ydata(), each.flow.step_losses)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "slope 1" in texts
    assert any(r"limit $2/\lambda$" in text for text in texts)
    assert any(f"at $t = {results[0].flow.times[-1]:g}$" in text for text in texts)
    assert distances.get_xscale() == "log"


def test_a_diverged_descent_stands_at_the_top_of_the_distances(results):
    xor = results[0]
    *_, ax = experiment.plot([xor]).axes
    (line,) = [line for line in ax.get_lines() if line.get_label().startswith("xor")]
    shares = xor.learning_rates / xor.limit
    near = xor.distances < experiment.FAR
    assert not near.all()
    np.testing.assert_array_equal(line.get_xdata(), shares[near])
    marks = [each for each in ax.get_lines() if each.get_marker() == style.DIVERGED_MARK["marker"]]
    np.testing.assert_array_equal(marks[0].get_xdata(), shares[~near])
    assert (marks[0].get_ydata() == ax.get_ylim()[1]).all()


def test_main_prints_the_orders_and_writes_all_files(results, main_output):
    assert f"{results[0].orders[-1]:.6g}" in main_output(experiment, results)


def test_the_flow_is_integrated_far_more_accurately_than_the_distances_it_is_used_for(results):
    xor = results[0]
    case = gf.cases.make("xor")
    finer = gf.integrate(gf.GradientFlow(case.problem), case.w0, 4.0, rtol=1e-11, times=2)
    way = np.linalg.norm(finer.final_weights - case.w0)
    error = np.linalg.norm(finer.final_weights - xor.flow.final_weights) / way
    assert error < 1e-3 * xor.distances.min()
