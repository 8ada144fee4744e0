"""The experiment, run small: slope 1, fast weights that no longer learn, and the figure."""

import numpy as np
import pytest

from experiments import three_time_scales as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(ratios=(30.0, 0.1, 0.03), rtol=1e-7)


def test_the_distance_is_proportional_to_the_ratio(results):
    np.testing.assert_allclose(results.distances[1:], [0.228, 0.0671], rtol=0.05)
    assert results.orders[-1] == pytest.approx(1.0, abs=0.1)


def test_weights_far_faster_than_the_activations_do_not_learn(results):
    assert results.coupled[0].final_loss > 0.5
    assert results.coupled[-1].final_loss == pytest.approx(results.adiabatic.final_loss, rel=0.01)


def test_the_figure_shows_the_distances(results):
    losses, distances = experiment.plot(results).axes
    np.testing.assert_array_equal(distances.lines[0].get_ydata(), results.distances)
    assert [line.get_label() for line in losses.lines] == ["adiabatic flow", r"$\varepsilon = 30$"]
