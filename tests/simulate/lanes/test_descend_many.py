"""Many descents are the single ones, whatever runs beside them."""

from functools import partial

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems import (
    Catapult,
    DeepLinear,
    DoubleWell,
    FeedForward,
    LinearRegression,
    LogisticRegression,
    MinimalistEdge,
    Quadratic,
    ScalarProduct,
    SigmoidNeuron,
)

RNG = np.random.default_rng(3)
X, T = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))
LABELS = RNG.integers(0, 3, 7)
XOR = FeedForward([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0], [4])
# Problem, range of starts, learning rates at which its runs are stable.
STABLE = {
    "quadratic": (Quadratic([[3.0, 1.0], [1.0, 2.0]]), 2.0, (0.1, 0.5)),
    "neuron": (SigmoidNeuron(), 4.0, (0.1, 20.0)),
    "neuron of three patterns": (SigmoidNeuron([1.0, -2.0, 0.5], [1.0, 0.0, 0.3]), 2.0, (0.1, 1.0)),
    "double well": (DoubleWell(), 1.5, (0.05, 0.9)),
    "product": (ScalarProduct(2), 1.5, (0.05, 0.4)),
    "product of four": (ScalarProduct(4, 2.0), 1.2, (0.01, 0.05)),
    "edge": (MinimalistEdge(), 1.2, (0.01, 0.1)),
    "catapult": (Catapult(5), 1.0, (0.05, 0.3)),
    "exclusive or": (XOR, 1.0, (0.02, 0.3)),
    "no bias": (FeedForward(X, T, [3], activation="sigmoid", bias=False), 1.0, (0.02, 0.3)),
    "classes": (
        FeedForward(X, LABELS, [3], loss="cross_entropy", activation="softplus"),
        1.0,
        (0.02, 0.2),
    ),
    "three layers": (FeedForward(X, T, [3, 4, 2], activation="gelu"), 1.0, (0.005, 0.02)),
    "relu in blocks": (
        FeedForward(X, LABELS, [20], loss="cross_entropy", activation="relu"),
        1.0,
        (0.02, 0.1),
    ),
    "blocks without biases": (FeedForward(X, T, [16, 8], activation="swish", bias=False), 0.5, (0.01, 0.1)),
    "large": (FeedForward(X, T, [80], output_activation="sigmoid"), 0.5, (0.01, 0.1)),
    "regression": (LinearRegression(X, T), 1.0, (0.05, 0.5)),
    "logistic": (LogisticRegression(X, LABELS > 0), 1.0, (0.05, 0.5)),
    "deep linear": (DeepLinear(X, T, [3]), 0.5, (0.02, 0.1)),
}


def starts(problem, scale, num_runs):
    return np.random.default_rng(5).uniform(-scale, scale, (num_runs, problem.num_weights))


@pytest.mark.parametrize("name", STABLE)
def test_stable_runs_are_those_of_descend(name, kernels):
    problem, scale, rates = STABLE[name]
    W0, etas = starts(problem, scale, 12), np.linspace(*rates, 12)
    many = gf.descend_many(problem, W0, etas, 1000)
    # Rounding is all they may differ by; numba's activations have one of their own.
    tol = 1e-13 if kernels == "numpy" else 1e-12
    for k in range(12):
        one = gf.descend(problem, W0[k], etas[k], 1000, record_every=1000)
        assert many.outcomes[k] is one.outcome
        assert many.num_steps[k] == 1000
        size = np.abs(one.final_weights).max()
        assert np.abs(many.weights[k] - one.final_weights).max() <= tol * max(size, 1.0), k
        assert many.losses[k] == pytest.approx(one.final_loss, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("momentum", [partial(gf.rules.HeavyBall, momentum=0.6), gf.rules.GradientDescent])
@pytest.mark.parametrize("name", ["quadratic", "edge", "exclusive or", "blocks without biases"])
def test_linear_rules_are_those_of_descend(name, momentum, kernels):
    problem, scale, rates = STABLE[name]
    W0, etas = starts(problem, scale, 6), np.linspace(rates[0], 0.3 * rates[1], 6)
    many = gf.descend_many(problem, W0, etas, 300, rule=momentum)
    for k in range(6):
        one = gf.descend(problem, W0[k], momentum(etas[k]), 300)
        np.testing.assert_allclose(many.weights[k], one.final_weights, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("problem", [XOR, STABLE["three layers"][0], ScalarProduct(2), DoubleWell()])
@pytest.mark.parametrize("rule", [None, partial(gf.rules.Nesterov, momentum=0.5)])
def test_a_lane_does_not_depend_on_its_neighbours_to_the_last_bit(problem, rule, kernels):
    W0, etas = starts(problem, 1.5, 300), np.geomspace(0.02, 90.0, 300)
    ask = partial(gf.descend_many, problem, num_steps=203, rule=rule)
    together = ask(W0, etas, threads=1)
    order = np.random.default_rng(0).permutation(300)
    shuffled = ask(W0[order], etas[order], threads=2)
    assert {gf.Outcome.FINISHED, gf.Outcome.DIVERGED} <= set(together.outcomes)
    for name in ("weights", "losses", "codes", "num_steps"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(together, name)[order])
    for k in (0, 137, 299):
        alone = ask(W0[k], etas[k])
        np.testing.assert_array_equal(alone.weights[0], together.weights[k])
        assert alone.num_steps[0] == together.num_steps[k]


@pytest.mark.parametrize("problem", [DoubleWell(), Quadratic([[2.0, 0.5], [0.5, 3.0]]), XOR])
def test_a_diverging_run_keeps_its_last_finite_step(problem, kernels):
    W0, etas = starts(problem, 1.5, 20), np.geomspace(3.0, 40.0, 20)
    many = gf.descend_many(problem, W0, etas, 5000)
    assert (many.outcomes == gf.Outcome.DIVERGED).sum() >= 10
    for k in np.flatnonzero(many.outcomes == gf.Outcome.DIVERGED):
        one = gf.descend(problem, W0[k], etas[k], 5000, record_every=5000)
        assert one.outcome is gf.Outcome.DIVERGED
        # Where rounding is amplified a step more or less may be left to it.
        assert abs(many.num_steps[k] - one.steps[-1]) <= (0 if kernels == "numpy" else 4)
        assert np.isfinite(many.losses[k])
        w = many.weights[k]
        with np.errstate(all="ignore"):
            loss, gradient = problem.loss_and_gradient(w)
            # Next to the largest float another order of products is beyond it.
            assert loss == pytest.approx(many.losses[k], rel=1e-9) or many.losses[k] > 1e307
            loss, gradient = problem.loss_and_gradient(w - etas[k] * gradient)
        assert not (np.isfinite(loss) and np.isfinite(gradient).all())


def test_a_start_that_is_not_finite_stays_there(kernels):
    many = gf.descend_many(DoubleWell(), [[0.5], [1e200]], 0.1, 10)
    assert many.outcomes.tolist() == [gf.Outcome.FINISHED, gf.Outcome.DIVERGED]
    assert many.num_steps.tolist() == [10, 0]
    assert many.weights[1, 0] == 1e200
    assert many.losses[1] == np.inf


@pytest.mark.parametrize(
    "tolerance", [{"loss_tolerance": 1e-3}, {"gradient_tolerance": 1e-4}, {"loss_tolerance": 10.0}]
)
@pytest.mark.parametrize("name", ["product", "exclusive or", "relu in blocks", "quadratic"])
def test_runs_stop_at_the_first_step_within_a_tolerance(name, tolerance, kernels):
    problem, scale, rates = STABLE[name]
    W0, etas = starts(problem, scale, 9), np.linspace(*rates, 9)
    many = gf.descend_many(problem, W0, etas, 700, **tolerance)
    for k in range(9):
        one = gf.descend(problem, W0[k], etas[k], 700)
        if "loss_tolerance" in tolerance:
            met = one.losses <= tolerance["loss_tolerance"]
        else:
            norms = np.array([np.linalg.norm(problem.gradient(w)) for w in one.weights])
            met = norms <= tolerance["gradient_tolerance"]
        wanted = gf.Outcome.CONVERGED if met.any() else gf.Outcome.FINISHED
        assert many.outcomes[k] is wanted
        assert many.num_steps[k] == (met.argmax() if met.any() else 700)


@pytest.mark.parametrize("every", [1, 7, 8, 50, 1000])
@pytest.mark.parametrize("name", ["edge", "exclusive or", "relu in blocks"])
def test_rows_are_those_of_descend_and_nan_behind_the_end(name, every, kernels):
    problem, scale, rates = STABLE[name]
    W0, etas = starts(problem, scale, 5), np.append(np.linspace(*rates, 4), 100.0)
    many = gf.descend_many(problem, W0, etas, 90, record_every=every)
    assert many.recorded.steps.tolist() == list(range(0, 91, every))
    for k in range(4):
        one = gf.descend(problem, W0[k], etas[k], 90)
        np.testing.assert_allclose(many.recorded.weights[k], one.weights[::every], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(many.recorded.losses[k], one.losses[::every], rtol=1e-10, atol=1e-14)
    ended = many.recorded.steps > many.num_steps[4]
    np.testing.assert_array_equal(np.isnan(many.recorded.losses[4]), ended)
    np.testing.assert_array_equal(np.isnan(many.recorded.weights[4]).any(axis=1), ended)


@pytest.mark.parametrize("num_steps", [2000, 2003])
def test_runs_that_repeat_end_where_all_their_steps_would_have_brought_them(num_steps, kernels):
    # At rest, on a cycle of two and of four, and on none.
    etas = [0.5, 1.1, 1.26, 1.5, 1.9]
    some, every = (
        gf.descend_many(DoubleWell(), [0.9], etas, num_steps, repeats=repeats) for repeats in (0.0, None)
    )
    np.testing.assert_array_equal(some.weights, every.weights)
    np.testing.assert_array_equal(some.losses, every.losses)
    assert (some.num_steps == num_steps).all()
    assert (every.num_gradients == num_steps + 1).all()
    assert (some.num_gradients[:3] < 1000).all()
    assert (some.num_gradients[3:] == num_steps + 1).all()


def test_nearly_repeating_is_enough_where_it_is_asked_for(kernels):
    exact, near = (
        gf.descend_many(ScalarProduct(2), [2.0, 0.1], 0.1, 5000, repeats=repeats) for repeats in (0.0, 1e-6)
    )
    assert near.num_gradients[0] < exact.num_gradients[0]
    assert np.abs(near.weights - exact.weights).max() < 1e-4


def test_one_start_or_one_learning_rate_serves_all_runs():
    rates = gf.descend_many(Quadratic(1.0), [2.0], [0.5, 1.0, 1.5], 1)
    np.testing.assert_array_equal(rates.weights[:, 0], [1.0, 0.0, -1.0])
    seeds = gf.descend_many(Quadratic(1.0), [[2.0], [4.0]], 0.5, 1)
    np.testing.assert_array_equal(seeds.weights[:, 0], [1.0, 2.0])
    assert len(gf.descend_many(Quadratic(1.0), [2.0], 0.5, 1)) == 1
    np.testing.assert_array_equal(seeds.times, [0.5, 0.5])


def test_what_comes_back_is_read_only_and_told_in_a_line():
    runs = gf.descend_many(DoubleWell(), [0.5], [0.1, 50.0], 100)
    assert repr(runs) == "ManyRuns(2 runs of 1 weight: 1 finished, 1 diverged)"
    with pytest.raises(ValueError, match="read-only"):
        runs.weights[0] = 0.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"W0": [[1.0], [np.nan]]}, "`W0` must be finite"),
        ({"W0": [[1.0, 2.0]]}, "`W0` must have 1 weights a row"),
        ({"W0": np.zeros((0, 1))}, "`W0` must not be empty"),
        ({"learning_rates": [0.1, -0.1]}, "`learning_rates` must be positive"),
        ({"learning_rates": []}, "`learning_rates` must not be empty"),
        (
            {"W0": [[1.0], [2.0]], "learning_rates": [0.1] * 3},
            "`learning_rates` must be one, or one for each",
        ),
        ({"num_steps": 0}, "`num_steps` must be"),
        ({"rule": gf.rules.HeavyBall(0.1, momentum=0.9)}, "`rule` must be a function of the learning rate"),
        ({"loss_tolerance": -1.0}, "`loss_tolerance` must be a positive number"),
        ({"repeats": -1.0}, "`repeats` must be"),
        ({"record_every": 0}, "`record_every` must be"),
        ({"threads": 0}, "`threads` must be"),
    ],
)
def test_bad_input_gets_a_sentence(change, sentence):
    arguments = {"W0": [1.0], "learning_rates": 0.1, "num_steps": 3} | change
    with pytest.raises(ValueError, match=sentence):
        gf.descend_many(DoubleWell(), **arguments)
