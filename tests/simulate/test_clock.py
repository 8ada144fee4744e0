"""On its own clock a discrete run approaches the flow with order 1; on another clock it does not."""

import numpy as np
import pytest
from scipy.linalg import expm

import gradflow as gf
from gradflow.problems.landscapes.quadratic import Quadratic

H = np.array([[3.0, 1.0], [1.0, 2.0]])
W0 = np.array([1.0, -2.0])
T = 1.5


class Pieces(Quadratic):
    """A quadratic that is the sum, or the mean, of the quadratics of its samples."""

    def __init__(self, hessians, minimizers, averaged):
        self.pieces = hessians, minimizers
        self.num_samples, self.averaged = len(hessians), averaged
        share = 1 / self.num_samples if averaged else 1.0
        total = share * hessians.sum(0)
        pull = share * np.einsum("pij,pj->i", hessians, minimizers)
        super().__init__(total, np.linalg.solve(total, pull))

    def subset(self, indices):
        return Pieces(self.pieces[0][indices], self.pieces[1][indices], self.averaged)


def pieces(averaged):
    rng = np.random.default_rng(5)
    factors = rng.standard_normal((7, 2, 2))
    return Pieces(np.einsum("pij,pkj->pik", factors, factors), rng.standard_normal((7, 2)), averaged)


def errors(problem, make_rule, learning_rates, *, slow_down=1.0, rate=1.0, **options):
    """Return the distance to the flow at about time T for smaller and smaller steps."""
    result = []
    for eta in learning_rates:
        rule = make_rule(eta)
        h = gf.descend(problem, W0, rule, 1, rate=rate, **options).times[1]
        # Whole rounds of the seven samples, so that every sample was seen equally often.
        run = gf.descend(problem, W0, rule, 7 * round(T / h / 7), rate=rate, **options)
        scale = rate if np.ndim(rate) == 2 else np.diag(np.broadcast_to(rate, 2))
        decay = expm(-scale @ problem.hessian * slow_down * run.times[-1])
        truth = problem.minimizer + decay @ (W0 - problem.minimizer)
        result.append(np.linalg.norm(run.final_weights - truth))
    return np.array(result)


ETAS = 0.02 / 2 ** np.arange(4)
VECTOR, MATRIX = np.array([1.0, 3.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
RUNS = {
    "plain": (lambda: Quadratic(H), gf.rules.GradientDescent, {}),
    "plain with a rate": (lambda: Quadratic(H), gf.rules.GradientDescent, {"rate": 2.0}),
    "per weight": (
        lambda: Quadratic(H),
        lambda eta: gf.rules.GradientDescent(eta * VECTOR),
        {"rate": VECTOR},
    ),
    "matrix": (lambda: Quadratic(H), lambda eta: gf.rules.GradientDescent(eta * MATRIX), {"rate": MATRIX}),
    "heavy ball": (lambda: Quadratic(H), lambda eta: gf.rules.HeavyBall(eta, 0.5), {}),
    "Nesterov": (lambda: Quadratic(H), lambda eta: gf.rules.Nesterov(eta, 0.5), {}),
    "batches of a sum": (
        lambda: pieces(False),
        lambda eta: gf.rules.GradientDescent(eta / 4),
        {"batch": 3},
    ),
    "batches of a mean": (lambda: pieces(True), gf.rules.GradientDescent, {"batch": 3}),
    "patterns of a sum in order": (
        lambda: pieces(False),
        lambda eta: gf.rules.GradientDescent(eta / 4),
        {"batch": 1},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_approaches_the_flow_with_order_one_on_its_clock(name):
    make, rule, options = RUNS[name]
    found = errors(make(), rule, ETAS, **options)
    slope = np.polyfit(np.log(ETAS), np.log(found), 1)[0]
    assert abs(slope - 1) < 0.1


def test_reshuffled_batches_approach_the_flow_with_order_one_on_average():
    make = [errors(pieces(True), gf.rules.GradientDescent, ETAS, batch=3, seed=seed) for seed in range(8)]
    mean_square = np.mean(np.square(make), axis=0)
    assert abs(np.polyfit(np.log(ETAS), 0.5 * np.log(mean_square), 1)[0] - 1) < 0.2


@pytest.mark.parametrize("name", RUNS)
def test_a_run_does_not_approach_the_flow_on_another_clock(name):
    make, rule, options = RUNS[name]
    found = errors(make(), rule, ETAS, slow_down=0.5, **options)
    assert found[-1] > 0.5 * found[0] > 0


def test_heavy_ball_and_nesterov_take_one_over_one_minus_b_of_plain_time():
    for rule in (gf.rules.HeavyBall(0.1, 0.9), gf.rules.Nesterov(0.1, 0.9)):
        run = gf.descend(Quadratic(H), W0, rule, 3, rate=2.0)
        np.testing.assert_allclose(run.times, 0.1 / 0.1 / 2.0 * np.arange(4))


def test_a_batch_of_a_sum_takes_its_share_of_the_time_and_a_batch_of_a_mean_all():
    summed = gf.descend(pieces(False), W0, 0.07, 2, batch=3)
    averaged = gf.descend(pieces(True), W0, 0.07, 2, batch=3)
    np.testing.assert_allclose(summed.times, 0.07 * 3 / 7 * np.arange(3))
    np.testing.assert_allclose(averaged.times, 0.07 * np.arange(3))


def test_a_schedule_sums_its_steps():
    run = gf.descend(Quadratic(H), W0, gf.rules.GradientDescent(lambda k: 0.1 / (k + 1)), 4, rate=0.5)
    np.testing.assert_allclose(run.times, 2 * np.concatenate([[0], np.cumsum(0.1 / np.arange(1, 5))]))


def test_a_step_size_can_be_given():
    run = gf.descend(Quadratic(H), W0, gf.rules.HeavyBall(0.04, 0.9), 3, step_size=0.2)
    np.testing.assert_allclose(run.times, [0, 0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("learning_rate", "rate"),
    [([0.1, 0.2], 1.0), (0.1, [1.0, 2.0]), ([0.1, 0.2], [2.0, 1.0]), (MATRIX, 1.0), (MATRIX, VECTOR)],
)
def test_a_learning_rate_that_no_single_step_size_explains_is_refused(learning_rate, rate):
    with pytest.raises(ValueError, match="`rate` must be proportional to the learning rate"):
        gf.descend(Quadratic(H), W0, gf.rules.GradientDescent(learning_rate), 3, rate=rate)


@pytest.mark.parametrize(("eta", "rate"), [(1e-200, 1e200), (1e200, 1e-200)])
def test_a_step_of_no_or_endless_time_is_refused(eta, rate):
    with pytest.raises(ValueError, match="`rate` must make steps of positive, finite flow time"):
        gf.descend(Quadratic(H), W0, eta, 3, rate=rate)


def test_rates_of_another_size_are_refused():
    with pytest.raises(ValueError, match="must fit 2 weights, got shape"):
        gf.descend(Quadratic(H), W0, 0.1, num_steps=3, rate=np.ones(3))


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.1], (0.1, 0.2, 0.1), np.array([0.1, 0.2, 0.1])])
@pytest.mark.parametrize("make", [lambda rate: rate, lambda rate: gf.rules.HeavyBall(rate, 0.5)])
def test_as_many_numbers_as_steps_are_a_schedule(values, make):
    listed = gf.descend(Quadratic(H), W0, make(values), 3)
    called = gf.descend(Quadratic(H), W0, make(lambda step: [0.1, 0.2, 0.1][step]), 3)
    np.testing.assert_array_equal(listed.weights, called.weights)
    np.testing.assert_array_equal(listed.times, called.times)


def test_as_many_numbers_as_weights_are_one_for_each_unless_they_are_called_a_schedule():
    each = gf.descend(Quadratic(H), W0, [0.1, 0.2], 2, rate=[1.0, 2.0])
    np.testing.assert_array_equal(each.rule.learning_rate, [0.1, 0.2])
    in_turn = gf.descend(Quadratic(H), W0, gf.rules.Schedule([0.1, 0.2]), 2)
    np.testing.assert_allclose(in_turn.times, [0.0, 0.1, 0.3])


def test_too_few_numbers_for_a_schedule_name_both_readings():
    with pytest.raises(ValueError, match="each of the 2 weights or for each of the 5 steps, got 3 of them"):
        gf.descend(Quadratic(H), W0, [0.1, 0.2, 0.1], 5)


def test_a_schedule_is_asked_for_a_step_when_the_run_comes_to_it():
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.1

    run = gf.descend(Quadratic(H), W0, schedule, 10**9, callback=lambda t, w: t > 0.35)
    assert run.steps[-1] == 4
    assert max(asked) <= 5


def test_a_rate_for_each_of_many_weights_takes_no_matrix():
    many = 300_000
    sphere = gf.problems.from_callables(lambda w: w @ w / 2, lambda w: w, many)
    run = gf.descend(sphere, np.ones(many), np.full(many, 0.1), 2, record_every=2)
    np.testing.assert_allclose(run.times, [0.0, 0.2])


def test_a_vector_a_matrix_or_a_schedule_alone_is_a_rule():
    for rule in ([0.1, 0.1], 0.1 * np.eye(2), lambda step: 0.1):
        run = gf.descend(Quadratic(H), W0, rule, 3)
        np.testing.assert_allclose(run.weights, gf.descend(Quadratic(H), W0, 0.1, 3).weights)


def test_equal_entries_are_explained_by_one_step_size():
    run = gf.descend(Quadratic(H), W0, gf.rules.GradientDescent([0.1, 0.1]), 1, rate=2.0)
    assert run.times[1] == pytest.approx(0.05)


def test_a_schedule_that_is_not_positive_is_refused_at_the_door():
    with pytest.raises(ValueError, match="schedule at step 0"):
        gf.descend(Quadratic(H), W0, gf.rules.GradientDescent(lambda k: -1.0), 10)


def test_a_schedule_that_ends_in_mid_run_ends_the_run_with_its_sentence():
    run = gf.descend(Quadratic(H), W0, gf.rules.GradientDescent(lambda k: 0.3 - 0.1 * k), 10)
    assert run.outcome is gf.Outcome.FAILED
    assert "no learning rate for step 3" in run.message
    assert run.steps[-1] == 2


def test_the_losses_of_a_batch_run_are_of_the_whole_problem():
    problem = pieces(False)
    run = gf.descend(problem, W0, 0.01, 20, batch=2, seed=1, record_every=6, losses="every")
    np.testing.assert_allclose(run.losses, [problem.loss(w) for w in run.weights])
    np.testing.assert_array_equal(run.losses, run.step_losses[run.steps])
    assert len(run.step_losses) == 21


@pytest.mark.parametrize(("losses", "num_steps"), [("every", 21), ("rows", 20)])
def test_every_sample_counts_the_same_in_the_long_run(losses, num_steps):
    # By rows the last point takes the loss of the batch that would come next.
    seen = []

    class Spy(Pieces):
        def subset(self, indices):
            seen.extend(indices.tolist())
            return super().subset(indices)

    base = pieces(True)
    gf.descend(Spy(*base.pieces, True), W0, 0.01, num_steps, batch=3, seed=2, losses=losses)
    assert np.bincount(seen).tolist() == [9] * 7


def test_the_same_seed_gives_the_same_batches():
    runs = [gf.descend(pieces(True), W0, 0.01, 30, batch=2, seed=seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    assert not np.array_equal(runs[0].weights, runs[2].weights)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch": 0}, "`batch` must be a whole number"),
        ({"batch": 8}, "`batch` must be at most the 7 samples"),
        ({"batch": 2, "seed": -1}, "`seed` must be a whole number"),
        ({"batch": 2, "gradient_tolerance": 0.1}, "`gradient_tolerance` must be None with `batch`"),
    ],
)
def test_wrong_batches_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        gf.descend(pieces(True), W0, 0.01, 3, **options)
