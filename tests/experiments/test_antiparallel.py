"""The experiment, run small: the balance, the angles, the failing steps, and the figure."""

import numpy as np
import pytest

from experiments import antiparallel as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(case="xor", num_steps=60, num_points=8, end_time=20.0)


@pytest.fixture(scope="module")
def quadratic():
    return experiment.run(case="quadratic", shares=(0.5, 1.2), num_steps=40, num_points=8, end_time=2.0)


def test_the_flow_loses_what_it_dissipates(results):
    assert results.balance.residual < 1e-5
    np.testing.assert_allclose(results.balance.fall, results.balance.dissipation, rtol=1e-4)


def test_the_flow_moves_against_the_gradient(results):
    assert results.balance.cosines.min() > 1 - 1e-5


def test_cosines_fall_with_the_step_and_tend_to_one(results):
    steps = results.steps
    assert (np.diff(steps.flow.min(axis=0)) <= 0).all()
    assert steps.next_gradient[:, 0].min() > 0.999
    assert steps.flow[:, 0].min() > 0.999


def test_the_next_gradient_misses_by_four_times_as_much_as_the_flow(results):
    steps = results.steps
    ratio = (1 - steps.next_gradient[:, 0]) / (1 - steps.flow[:, 0])
    assert np.median(ratio) == pytest.approx(4.0, rel=0.05)


def test_short_steps_decrease_the_error_as_taylors_first_term_says(results):
    np.testing.assert_allclose(results.steps.ratios[:, 0], 1.0, atol=0.01)


def test_the_correction_is_exact_on_a_quadratic(quadratic):
    np.testing.assert_allclose(quadratic.steps.ratios, quadratic.steps.corrected, rtol=1e-9)


def test_on_a_quadratic_no_step_below_the_limit_fails(quadratic):
    for training in quadratic.trainings:
        assert (training.failing >= 2.0 * (1 - 1e-9)).all()
        np.testing.assert_allclose(training.failing, training.predicted, rtol=1e-6)
    # Above the limit the top direction takes over, and there 2 / lambda is met.
    assert quadratic.trainings[-1].failing[-1] == pytest.approx(2.0, rel=1e-3)


def test_the_error_rises_at_exactly_the_steps_that_are_too_long(results, quadratic):
    for training in (*results.trainings, *quadratic.trainings):
        np.testing.assert_array_equal(training.rises, training.own > training.failing)
    assert quadratic.trainings[-1].rises.any()
    assert not quadratic.trainings[0].rises.any()


def test_the_figure_draws_both_sides_of_the_balance_and_the_limit(results):
    balance, _, ratios, failing = experiment.plot(results).axes
    drawn = [line.get_ydata() for line in balance.get_lines()]
    np.testing.assert_array_equal(drawn[0], results.balance.dissipation)
    np.testing.assert_array_equal(drawn[1], results.balance.fall)
    for ax in (ratios, failing):
        assert experiment.AT_LIMIT in [text.get_text() for text in ax.get_legend().get_texts()]


def test_main_prints_the_numbers_and_writes_all_files(results, main_output):
    assert f"{results.balance.residual:.6g}" in main_output(experiment, results)
