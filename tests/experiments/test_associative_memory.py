"""The experiment, run small: what is stored is held, near cues are recalled, far ones not; the figure."""

import numpy as np
import pytest

from experiments import associative_memory as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_units=10, num_patterns=(1, 3), num_cues=30, end_time=60.0)


def test_all_patterns_are_learned_and_are_attractors(results):
    assert max(each.final_loss for each in results.learning) < 1e-6
    np.testing.assert_array_equal(results.attractors, results.num_patterns)


def test_recall_falls_with_the_number_of_flipped_units_and_of_patterns(results):
    np.testing.assert_array_equal(results.recalled[:, 0], 1.0)
    assert (results.recalled[:, 1] > 0.9).all()
    assert (np.diff(results.recalled, axis=1) <= 0.15).all()
    assert results.recalled[1, -1] < 0.5
    assert results.recalled[0].mean() > results.recalled[1].mean()


def test_the_figure_shows_the_shares(results):
    _, right = experiment.plot(results).axes
    np.testing.assert_array_equal(right.lines[0].get_ydata(), results.recalled[0])
