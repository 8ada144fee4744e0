"""The experiment, run small: the one unit, the map against theory, and the figure."""

import numpy as np
import pytest

from experiments import when_iteration_fails as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_points=9)


def test_the_dynamics_relax_where_the_iteration_is_locked(results):
    assert abs(results.relaxed) < 1e-14
    assert results.adjoint == pytest.approx(1 / 15, abs=1e-14)
    np.testing.assert_allclose(np.abs(results.iterates[-2:]), 0.4787520, atol=1e-6)
    assert results.iterates[-1] * results.iterates[-2] < 0
    np.testing.assert_allclose(results.partial_sums[:5], [0.2, -0.2, 0.6, -1.0, 2.2])


@pytest.mark.parametrize("method", experiment.METHODS)
def test_each_method_works_where_theory_says(results, method):
    assert results.works[method].any()
    assert not results.works[method].all()
    assert results.agreement(method) == 1.0


def test_the_figure_shows_the_steps_and_the_map(results):
    forward, backward, where = experiment.plot(results).axes
    np.testing.assert_array_equal(forward.lines[0].get_ydata(), results.iterates)
    np.testing.assert_array_equal(backward.lines[0].get_ydata(), results.partial_sums)
    shown = np.asarray(where.collections[0].get_array()).reshape(9, 9)
    assert (shown > 0).sum() == results.works["relaxation"].sum()
