"""The experiment, run small: symmetric basins, and no minimum beyond the edge."""

import numpy as np
import pytest

from experiments import basins as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_starts=60, num_steps=3000)


def test_basins_are_mirrored_at_both_diagonals(results):
    # On w_2 = -w_1 rounding decides for which side the saddle is left.
    beside = ~np.eye(60, dtype=bool)[::-1]
    np.testing.assert_allclose(results.sharpness[beside], results.sharpness.T[beside], rtol=1e-9)
    np.testing.assert_array_equal(results.upper[beside], results.upper.T[beside])
    np.testing.assert_array_equal(results.diverged, results.diverged[::-1, ::-1])
    turned = (results.arrived & ~results.upper)[::-1, ::-1]
    np.testing.assert_array_equal(results.upper[beside], turned[beside])


def test_descent_settles_below_the_stability_limit_alone(results):
    products = 0.5 * results.learning_rate * results.sharpness[results.arrived]
    assert 0.9 < products.max() <= 1.0
    # No minimum is flatter than the balanced one, of sharpness 2.
    assert products.min() >= 0.5 * results.learning_rate * 2.0 * (1 - 1e-9)


def test_near_starts_arrive_and_far_ones_diverge(results):
    near = np.hypot(results.starts[:, None], results.starts) < 2.0
    assert results.arrived[near & ~np.eye(60, dtype=bool)[::-1]].all()
    assert results.diverged[0, 0]
    assert results.diverged[-1, -1]


def test_a_start_in_a_flat_valley_goes_to_its_own_side(results):
    w = results.starts
    both = (w[:, None] > 0.2) & (w > 0.2) & (w[:, None] < 1.5) & (w < 1.5)
    assert results.upper[both].all()


def test_it_says_shares_and_draws_two_maps(results, main_output):
    said = main_output(experiment, results)
    assert "that diverge" in said
    assert len(experiment.plot(results).axes) == 4
