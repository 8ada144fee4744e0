"""The experiment, run small: the table of distances, the jump of seed 2, and the figure."""

import numpy as np
import pytest

from experiments import pineda_xor as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_halvings=4, seeds=(0, 2), long_time=330.0)


def test_distances_and_loss_gaps_are_those_of_the_table(results):
    np.testing.assert_array_equal(results.learning_rates, [8.0, 4.0, 2.0, 1.0, 0.5])
    np.testing.assert_allclose(results.distances, [6.54, 0.805, 0.458, 0.239, 0.121], rtol=0.01)
    np.testing.assert_allclose(results.loss_gaps, [0.591, 0.0771, 0.0454, 0.0238, 0.0121], rtol=0.01)


def test_descent_follows_with_slope_one_and_breaks_between_four_and_eight(results):
    assert results.orders[-1] == pytest.approx(1.0, abs=0.1)
    assert results.orders[0] > 2.5
    np.testing.assert_array_equal(results.rises, [10, 0, 0, 0, 0])


def test_only_the_bistable_seed_has_a_jump(results):
    assert not results.branches[0].crossings["jump"][1].size
    assert results.branches[2].crossings["jump"][1][0] == pytest.approx(325.64, abs=0.1)


def test_the_figure_shows_the_distances_and_the_jump(results):
    losses, distances, branches = experiment.plot(results).axes
    assert len(losses.lines) == 1 + experiment.NUM_CURVES
    np.testing.assert_array_equal(distances.lines[0].get_ydata(), results.distances)
    marks = [line for line in branches.lines if line.get_marker() == "D"]
    assert sum(len(line.get_xdata()) for line in marks) == 1
