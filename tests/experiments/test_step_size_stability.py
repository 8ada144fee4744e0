"""The experiment, run small: factors, both sides of each limit, the digits, and the figure."""

import numpy as np
import pytest

from experiments import step_size_stability as experiment
from gradflow.plots import style


@pytest.fixture(scope="module")
def results():
    return experiment.run(shares=(0.1, 0.2, 0.4, 1.2, 3.0), followed=(0.95, 1.5), end_time=3.0)


def test_each_direction_is_multiplied_by_one_minus_eta_lambda(results):
    modes = results.modes
    expected = np.abs(1 - np.outer(modes.learning_rates, modes.eigenvalues))
    np.testing.assert_allclose(modes.factors, expected, atol=1e-13)


def test_the_quadratic_shrinks_just_below_two_and_grows_just_above(results):
    products = (0.5, 1.5, 1.98, 2.02, 2.2)
    for product, run in zip(products, results.modes.regimes.values(), strict=True):
        late = run.losses[30:]
        assert (np.diff(late) < 0).all() if product < 2 else (np.diff(late) > 0).all()
        # The top direction changes sign from step to step above 1 and never below.
        signs = np.sign(run.weights[:, -1])
        assert (signs[1:] == (-signs[:-1] if product > 1 else signs[:-1])).all()


def test_the_limits_are_those_of_theory(results):
    limits = [each.limit for each in results.limits.values()]
    assert limits == pytest.approx([2.0, 3.8, 3.8 / 2.8], rel=1e-9)


def test_every_rule_shrinks_below_its_limit_and_grows_above(results):
    for each in results.limits.values():
        assert {0.99, 1.01} <= set(each.shares)
        assert (each.measured[each.shares < 1] < 1).all()
        assert (each.measured[each.shares > 1] > 1).all()


def test_measured_factors_are_the_spectral_radii(results):
    for each in results.limits.values():
        np.testing.assert_allclose(each.measured, each.predicted, rtol=5e-3)


def test_on_digits_the_distance_falls_with_eta_below_the_limit(results):
    network = results.network
    assert network.shares == pytest.approx([0.1, 0.2, 0.4, 1.2, 3.0], rel=0.1)
    order = np.diff(np.log(network.distances[:2]))[0] / np.diff(np.log(network.shares[:2]))[0]
    assert order == pytest.approx(1.0, abs=0.15)
    assert (np.diff(network.distances) > 0).all()


def test_on_digits_no_step_raises_the_loss_below_the_limit_and_some_do_above(results):
    network = results.network
    assert (network.rising[network.shares < 1] == 0).all()
    assert (network.rising[network.shares > 1] > 0).all()


def test_on_digits_short_steps_multiply_the_top_direction_by_one_minus_eta_lambda(results):
    network = results.network
    np.testing.assert_allclose(network.first_factors[:2], 1 - 2 * network.shares[:2], atol=0.01)


def test_on_digits_far_above_the_limit_the_run_diverges(results):
    assert results.network.diverged.tolist() == [False, False, False, False, True]


def test_above_the_limit_the_sharpness_falls_below_two_over_eta(results):
    below, above = results.network.followed.values()
    assert below.records["sharpness"].max() < 2 / below.learning_rates[0]
    assert above.records["sharpness"][0] > 2 / above.learning_rates[0]
    assert above.records["sharpness"][-1] < above.records["sharpness"][0]


def test_the_figure_draws_both_limits(results):
    axes = experiment.plot(results).axes
    for ax in axes[3:5]:
        drawn = [line.get_xdata()[0] for line in ax.get_lines() if list(line.get_ydata()) == [0, 1]]
        assert drawn == pytest.approx([results.network.limit / 2, results.network.limit])
        assert style.LIMIT in [text.get_text() for text in ax.get_legend().get_texts()]


def test_main_prints_the_limits_and_writes_all_files(results, main_output):
    assert "b = 0.9             3.8" in main_output(experiment, results)
