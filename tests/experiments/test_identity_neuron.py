"""The experiment, run small: the growth of the weight, 1/8, no divergence, the bound, and the figure."""

import numpy as np
import pytest
from scipy.special import expit

from experiments import identity_neuron as experiment
from gradflow.problems import SigmoidNeuron

NEURON = SigmoidNeuron()


@pytest.fixture(scope="module")
def results():
    return experiment.run(end_time=300.0, learning_rates=(1.0, 10.0, 100.0))


def test_the_integrated_flow_is_the_closed_form(results):
    np.testing.assert_allclose(results.flow.weights[:, 0], results.closed, atol=1e-6)


def test_the_weight_grows_like_half_the_logarithm_of_the_time(results):
    assert results.tail_times[[0, -1]].tolist() == pytest.approx([1e4, 1e6])
    assert results.weight_slope == pytest.approx(0.5, abs=0.01)
    assert results.tail_weights[-1] == pytest.approx(0.5 * np.log(2e6), abs=0.01)


def test_the_error_falls_towards_an_eighth_like_a_quarter_over_the_time(results):
    assert results.excess_order == pytest.approx(-1.0, abs=0.01)
    assert 4 * 1e6 * results.tail_excess[-1] == pytest.approx(1.0, abs=0.01)
    assert (results.tail_excess > 0).all()


def test_no_weight_is_the_answer():
    weights = np.linspace(-30.0, 30.0, 500)
    assert all(NEURON.gradient([w])[0] < 0 for w in weights)
    losses = np.array([NEURON.loss([w]) for w in weights])
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] == pytest.approx(1 / 8, abs=1e-12)


def test_no_learning_rate_raises_the_error_in_any_step(results):
    for descent in (*results.descents.values(), results.jump):
        assert np.diff(descent.step_losses).max() <= 0
        assert descent.final_loss >= 1 / 8


def test_a_thousand_jumps_to_ninety_and_stops_where_the_gradient_is_zero(results):
    w = results.jump.weights[:, 0]
    slope = (expit(-2.0) - 1) * expit(-2.0) * (1 - expit(-2.0))
    assert w[1] == pytest.approx(-2 - 1000 * slope, rel=1e-14)
    assert w[1] == pytest.approx(90.0, abs=0.5)
    assert (w[1:] == w[1]).all()
    assert NEURON.gradient(w[-1:])[0] == 0.0


def test_projected_descent_stops_at_the_bound_with_the_gradient_pressing_against_it(results):
    for descent in results.bounded.values():
        assert descent.weights.min() >= 0.0
        assert descent.final_weights[0] == 1.0
        assert descent.final_loss == pytest.approx(1 / 8 + (expit(1.0) - 1) ** 2 / 2, rel=1e-14)
        assert NEURON.gradient(descent.final_weights)[0] < 0


def test_the_bound_is_reached_when_the_closed_form_says():
    def antiderivative(p):
        return 3 * np.log(p / (1 - p)) - 1 / p + 2 / (1 - p) + 1 / (2 * (1 - p) ** 2)

    expected = antiderivative(expit(1.0)) - antiderivative(0.5)
    results = experiment.run(end_time=10.0, learning_rates=(1.0,), bounded_learning_rates=(0.01,))
    assert results.bound_time == pytest.approx(expected, rel=1e-12)
    (slow,) = results.bounded.values()
    reached = slow.times[np.argmax(slow.weights[:, 0] == 1.0)]
    assert reached == pytest.approx(expected, abs=0.05)


def test_the_figure_draws_flow_descents_and_the_asymptotes(results):
    phase, weights, errors, bounded = experiment.plot(results).axes
    assert [1 / 8, 1 / 8] in [list(line.get_ydata()) for line in phase.get_lines()]
    texts = [text.get_text() for text in errors.get_legend().get_texts()]
    assert "$1/(4t)$" in texts
    # The flow twice, the asymptote, the dot of the start, and each descent with its way from there.
    assert len(weights.get_lines()) == 4 + 2 * len(results.descents)
    assert f"{results.bound_time:.2f}" in bounded.texts[0].get_text()


def test_main_prints_the_slope_and_writes_all_files(results, main_output):
    assert f"{results.weight_slope:.6g}" in main_output(experiment, results)
