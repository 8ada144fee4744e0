"""The experiment, run small: the violated inequality, the stalls, and the figure."""

import numpy as np
import pytest

from experiments import direction_or_amount as experiment
from experiments.direction_or_amount import GRADIENT, NORMALIZED, RANDOM, SAME

TILTED, _ = experiment.tilted_quadratic((100.0, 1.0), np.pi / 6)


@pytest.fixture(scope="module")
def results():
    return experiment.run(num_steps=(60, 600, 40))


def test_first_steps_are_equally_long(results):
    for race in results.races.values():
        lengths = {name: race.lengths[name][1] for name in race.runs}
        assert lengths[NORMALIZED] == pytest.approx(lengths[GRADIENT], rel=1e-12)
        assert lengths[SAME] <= lengths[GRADIENT] * (1 + 1e-12)


def test_the_step_by_the_same_amount_violates_the_inequality_and_raises_the_error(results):
    race = results.races["tilted quadratic"]
    problem, w0 = TILTED, race.runs[SAME].weights[0]
    gradient, step = problem.gradient(w0), w0 - race.runs[SAME].weights[1]
    assert (np.sign(step) == np.sign(gradient)).all()
    assert 2 * gradient @ step / (step @ problem.hessian @ step) < 1
    assert race.runs[SAME].losses[1] > race.runs[SAME].losses[0]


def test_the_gradients_step_of_that_length_fulfils_it_and_decreases_the_error(results):
    race = results.races["tilted quadratic"]
    run, hessian = race.runs[GRADIENT], TILTED.hessian
    gradient, step = TILTED.gradient(run.weights[0]), run.weights[0] - run.weights[1]
    assert 2 * gradient @ step / (step @ hessian @ step) > 1
    assert run.losses[1] < run.losses[0]


def test_rays_cross_zero_at_their_limits(results):
    ray = results.rays[SAME]
    below, above = ray.lengths[1:] < 0.99 * ray.limit, ray.lengths[1:] > 1.01 * ray.limit
    assert (ray.changes[1:][below] < 0).all()
    assert (ray.changes[1:][above] > 0).all()
    assert above.any()
    assert ray.limit < results.first_length < results.rays[GRADIENT].limit
    assert results.rays[GRADIENT].step_change < 0 < ray.step_change


def test_the_gradient_over_its_length_stalls_at_an_eighth_of_lambda_eta_squared(results):
    expected = 100.0 * (results.first_length * results.amounts) ** 2 / 8
    np.testing.assert_allclose(results.stalls[NORMALIZED], expected, rtol=0.01)


def test_smaller_amounts_stall_lower_and_the_gradient_does_not_stall(results):
    for name in (NORMALIZED, SAME, RANDOM):
        assert (np.diff(results.stalls[name]) < 0).all()
        assert results.stalls[name][0] > 1e3 * results.stalls[GRADIENT][0]


def test_of_one_weight_the_sign_is_the_gradient_over_its_length(results):
    runs = results.races["identity neuron"].runs
    np.testing.assert_allclose(runs[SAME].weights, runs[NORMALIZED].weights, rtol=1e-12)


def test_amounts_that_do_not_shrink_get_on_where_the_error_is_flat(results):
    runs = results.races["identity neuron"].runs
    assert runs[SAME].final_weights[0] > runs[GRADIENT].final_weights[0]
    assert not np.diff(runs[SAME].losses).max() > 0


def test_on_digits_the_gradient_needs_the_least_distance(results):
    race = results.races["digits"]
    target = race.runs[GRADIENT].final_loss

    def distance_to_target(name):
        run = race.runs[name]
        legs = np.linalg.norm(np.diff(run.weights, axis=0), axis=1)
        reached = np.flatnonzero(run.losses[1:] <= target)
        return legs[: reached[0] + 1].sum() if reached.size else np.inf

    assert all(distance_to_target(GRADIENT) < distance_to_target(name) for name in (NORMALIZED, SAME, RANDOM))


def test_the_figure_draws_each_rule_and_the_limit(results):
    figure = experiment.plot(results)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [GRADIENT, NORMALIZED, SAME, RANDOM]
    upright = [line for line in figure.axes[3].get_lines() if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in upright if len(line.get_xdata())] == [results.rays[SAME].limit]


def test_main_prints_the_changes_and_writes_all_files(results, main_output):
    assert f"{results.rays[SAME].step_change:.6g}" in main_output(experiment, results)
