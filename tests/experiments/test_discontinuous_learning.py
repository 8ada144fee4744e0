"""The experiment, run small: the fold, the jump of the loss, the slowing down, and the figure."""

import numpy as np
import pytest

from experiments import discontinuous_learning as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(end_time=61.0)


def test_the_event_finds_the_fold(results):
    assert abs(results.fold_gap) < 1e-6
    low, high = experiment.folds(np.array([4.0]))
    np.testing.assert_allclose([low[0], high[0]], -2.0, atol=1e-12)


def test_the_loss_jumps_there(results):
    before, after = results.flow.losses_at(results.jump_time - 0.01), results.flow.final_loss
    assert before > 0.3
    assert after < 1e-3


def test_the_rate_falls_like_the_cube_root_of_the_time_left(results):
    assert results.rate_order == pytest.approx(1 / 3, abs=0.02)
    assert (np.diff(results.speeds) > 0).all()


def test_descent_jumps_at_the_first_step_beyond(results):
    jumped = results.descent.crossings["jump"][1][0]
    assert jumped > results.jump_time - 2
    assert results.descent.final_loss < 1e-3


def test_the_figure_shows_the_jump(results):
    _, plane, slowing = experiment.plot(results).axes
    mark = next(line for line in plane.lines if line.get_marker() == "D")
    np.testing.assert_allclose(
        [mark.get_xdata()[0], mark.get_ydata()[0]], results.flow.crossings["jump"][2][0]
    )
    np.testing.assert_array_equal(slowing.lines[0].get_ydata(), results.rates)
