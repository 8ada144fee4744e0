"""The experiment, run small: which regimes each problem has."""

import numpy as np
import pytest

from experiments import regime_map as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_rates=8, num_starts=6, num_steps=200)


def test_the_identity_neuron_never_diverges_and_stalls_far_out(results):
    found = results["identity neuron"]
    assert set(np.unique(found.names)) <= {"MONOTONE", "STALLED"}
    assert (found.names[-1] == "STALLED").all()
    assert found.names[3, 0] == "MONOTONE"


def test_the_double_well_is_symmetric_and_bounded_by_its_thresholds(results):
    found = results["double well"]
    np.testing.assert_array_equal(found.names, found.names[::-1])
    rates = found.learning_rates
    assert (found.names[:, rates < 0.5] == "MONOTONE").all()
    assert set(np.unique(found.names[:, (rates > 0.5) & (rates < 1)])) <= {"OVERSHOOTING", "CATAPULT"}
    assert (found.names[:, rates > 2] == "DIVERGED").all()


def test_the_more_unequal_the_weights_the_smaller_the_rate_that_diverges(results):
    found = results["two-weight product"]
    first = [
        found.learning_rates[row == "DIVERGED"].min() for row in found.names if (row == "DIVERGED").any()
    ]
    assert (np.diff(first) <= 0).all()
    assert first[-1] < 0.5 * first[0]


def test_shares_add_up(results):
    for each in results.values():
        assert sum(each.share(name) for name in np.unique(each.names)) == pytest.approx(1.0)


def test_the_figure_has_a_map_for_each_problem_and_one_legend(results):
    figure = experiment.plot(results)
    letters = [f"({letter}) {name}" for letter, name in zip("abc", results, strict=True)]
    assert [ax.get_title(loc="left") for ax in figure.axes] == letters
    assert len(figure.legends) == 1
    assert all(ax.get_legend() is None for ax in figure.axes)
