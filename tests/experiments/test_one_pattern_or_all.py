"""The experiment, run small: who harms whom, the slopes, and the figure."""

import numpy as np
import pytest

from experiments import one_pattern_or_all as experiment
from experiments.one_pattern_or_all import FIXED, RANDOM


@pytest.fixture(scope="module")
def results():
    return experiment.run(
        num_halvings=5,
        largest=(0.2, 0.04),
        end_times=(8.0, 0.8),
        moments=(2.0, 0.4),
        per_class=2,
        num_orders=2,
    )


def test_on_exclusive_or_patterns_with_unlike_targets_oppose_each_other(results):
    cosines, targets = results[0].cosines, np.array([0, 1, 1, 0])
    alike = targets[:, None] == targets[None, :]
    assert (cosines[alike] > 0).all()
    assert (cosines[~alike] < 0).all()
    assert results[0].opposed[-1] == pytest.approx(8 / 12)


def test_cosine_matrices_are_symmetric_with_ones_on_the_diagonal(results):
    for each in results:
        np.testing.assert_array_equal(each.cosines, each.cosines.T)
        np.testing.assert_allclose(np.diag(each.cosines), 1.0, rtol=1e-12)


def test_one_by_one_approaches_the_batch_flow_with_slope_one(results):
    xor, digits = results
    assert xor.orders(FIXED)[-1] == pytest.approx(1.0, abs=0.1)
    assert xor.orders(RANDOM)[-1] == pytest.approx(1.0, abs=0.2)
    assert digits.orders(FIXED)[-1] == pytest.approx(1.0, abs=0.3)
    for each in results:
        for order in (FIXED, RANDOM):
            assert (np.diff(each.distances[order]) < 0).all()


def test_class_after_class_strays_farther_than_a_random_order(results):
    assert (results[1].distances[FIXED] > results[1].distances[RANDOM]).all()


def test_a_finite_step_harms_at_least_those_whose_gradients_oppose_it(results):
    # Losses that curve upwards rise above their tangents; the tangents alone count the opposed pairs.
    for each in results:
        assert (each.harmed >= each.opposed - 0.1).all()
        assert ((each.harmed > 0) & (each.harmed <= 1)).all()


def test_errors_of_the_groups_are_means_of_the_whole_loss(results):
    for each in results:
        for followed in (each.flow, each.descent):
            # Rows between the flow's steps are interpolated: as good as its rtol.
            np.testing.assert_allclose(followed.records["errors"].mean(axis=1), followed.losses, rtol=1e-8)


def test_each_turn_decreases_the_error_of_its_own_pattern(results):
    # At eta = 0.1 a step on one pattern of exclusive or is short enough for that pattern.
    errors = results[0].descent.records["errors"]
    turns = np.arange(len(errors) - 1) % 4
    own = np.diff(errors, axis=0)[np.arange(len(turns)), turns]
    assert (own <= 1e-12).all()


def test_the_figure_draws_errors_cosines_distances_and_harm(results):
    axes = experiment.plot(results).axes
    titled = {ax.get_title(loc="left"): ax for ax in axes}
    image = titled["(b) cosines, $t = 2$"].images[0]
    np.testing.assert_array_equal(np.asarray(image.get_array()), results[0].cosines)
    distances = titled["(c) slopes of the distance"].get_lines()
    np.testing.assert_array_equal(distances[0].get_ydata(), results[0].distances[FIXED])
    assert distances[-1].get_label() == "slope 1"


def test_main_prints_the_slopes_and_writes_all_files(results, main_output):
    assert f"{results[0].orders(FIXED)[-1]:.6g}" in main_output(experiment, results)
