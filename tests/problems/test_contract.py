"""What every problem must satisfy. A new problem is one line in PROBLEMS."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gradflow.problems.callables import from_callables
from gradflow.problems.completed import as_problem
from gradflow.problems.landscapes.catapult import Catapult
from gradflow.problems.landscapes.neuron import SigmoidNeuron
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.problems.landscapes.scalar import DoubleWell, MinimalistEdge, ScalarProduct
from gradflow.problems.layered.network import FeedForward
from gradflow.problems.linear.deep import DeepLinear
from gradflow.problems.linear.logistic import LogisticRegression, overlapping_logistic
from gradflow.problems.linear.regression import LinearRegression
from gradflow.problems.problem import (
    Closed,
    Differenced,
    Problem,
    RoughlyLinearized,
    Sampled,
    Start,
    ThirdDerivative,
)
from gradflow.problems.recurrent.network import Recurrent


def normal(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).normal(size=shape)


def symmetric(n: int):
    matrix = normal(n, n)
    return matrix + matrix.T


def labels(n: int):
    return np.arange(n) % 2


def network(*widths, num_samples=7, loss="squared", **options):
    """A network of three inputs and two outputs, or of three classes."""
    inputs = normal(num_samples, 3)
    targets = np.arange(num_samples) % 3 if loss == "cross_entropy" else normal(num_samples, 2, seed=1)
    return FeedForward(inputs, targets, widths, loss=loss, **options)


def recurrent(input_inside, **options):
    """A network of three free tanh units, two of them with targets, and two clamped ones; three patterns."""
    drive, targets = normal(3, 5), np.tanh(normal(3, 2, seed=1))
    options = {"activation": "tanh", "input_inside": input_inside, "rest": 0.0} | options
    reachable = targets if input_inside else targets + drive[:, [0, 2]]
    return Recurrent(drive, reachable, [0, 2], clamped=[1, 4], **options)


def quartic(w):
    return float((w**4).sum() + w[0] * w[1])


def quartic_gradient(w):
    return 4 * w**3 + np.concatenate([w[1::-1], np.zeros(w.size - 2)])


def quartic_hvp(w, v):
    return 12 * w**2 * v + np.concatenate([v[1::-1], np.zeros(w.size - 2)])


def quartic_both(w):
    return quartic(w), quartic_gradient(w)


class OneMember:
    """The least that an author writes."""

    def loss_and_gradient(self, w):
        return quartic_both(w)

    def __repr__(self):
        return "OneMember()"


class ThreeMembers:
    """The least that an author of a problem with samples writes: the mean of 1/2 |w - x|^2 + |w|^4 / 4."""

    def __init__(self, data):
        self.data, self.num_samples = data, len(data)

    def loss_and_gradient(self, w):
        gaps = w - self.data
        loss = 0.5 * (gaps**2).sum(axis=1).mean() + 0.25 * (w @ w) ** 2
        return loss, gaps.mean(axis=0) + (w @ w) * w

    def subset(self, indices):
        return ThreeMembers(self.data[indices])

    def __repr__(self):
        return f"ThreeMembers({self.num_samples} samples)"


class FourMembers(OneMember):
    """The least with an exact product."""

    num_weights = 3

    def hvp(self, w, v):
        return quartic_hvp(w, v)


PROBLEMS = {
    "quadratic": lambda: Quadratic([1.0, 4.0, 9.0], [1.0, -1.0, 2.0]),
    "quadratic, indefinite": lambda: Quadratic(symmetric(4)),
    "quadratic, one weight": lambda: Quadratic(2.5),
    "identity neuron": SigmoidNeuron,
    "neuron, one pattern": lambda: SigmoidNeuron((1.5,), (1.0,)),
    "neuron, patterns that agree": lambda: SigmoidNeuron((2.0, -2.0, 0.0, 2.0), (1.0, 0.0, 0.3, 1.0)),
    "neuron, patterns that compete": lambda: SigmoidNeuron((1.5, -0.5, 2.0), (1.0, 0.2, 0.0)),
    "linear regression": lambda: LinearRegression(normal(9, 3), normal(9, 2, seed=1)),
    "linear regression, no bias": lambda: LinearRegression(normal(9, 3), normal(9, seed=1), bias=False),
    "linear regression, few samples": lambda: LinearRegression(normal(3, 5), normal(3, 2, seed=1)),
    "linear regression, one sample": lambda: LinearRegression([[2.0]], [1.0]),
    "logistic regression": lambda: LogisticRegression(normal(8, 3), labels(8)),
    "logistic regression, no bias": lambda: LogisticRegression(normal(8, 3), labels(8), bias=False),
    "logistic regression, one sample": lambda: LogisticRegression([[1.0]], [1], bias=False),
    "deep linear, one layer": lambda: DeepLinear(normal(9, 3), normal(9, 2, seed=1), []),
    "deep linear, two layers": lambda: DeepLinear(normal(9, 3), normal(9, 2, seed=1), [4]),
    "deep linear, four layers": lambda: DeepLinear(normal(9, 3), normal(9, 2, seed=1), [2, 1, 3]),
    "deep linear, few samples": lambda: DeepLinear(normal(2, 4), normal(2, 3, seed=1), [3]),
    "deep linear, widths of one": lambda: DeepLinear([[2.0]], [1.0], [1, 1]),
    "deep linear, from a map": lambda: DeepLinear.from_map(normal(2, 3), [3]),
    "network, no hidden layer": network,
    "network, no bias": lambda: network(4, bias=False),
    "network, three hidden layers": lambda: network(4, 3, 5),
    "network, widths of one": lambda: network(1, 1),
    "network, rough products": lambda: network(20, num_samples=50),
    "network, one sample": lambda: network(4, num_samples=1),
    "network, cross-entropy": lambda: network(4, loss="cross_entropy"),
    "network, outer activations": lambda: network(4, input_activation="sigmoid", output_activation="tanh"),
    "double well": DoubleWell,
    "scalar product, one weight": lambda: ScalarProduct(1, 2.0),
    "scalar product, two weights": lambda: ScalarProduct(2),
    "scalar product, four weights": lambda: ScalarProduct(4, -0.5),
    "minimalist edge": MinimalistEdge,
    "catapult": lambda: Catapult(3),
    "overlapping logistic": overlapping_logistic,
    "recurrent": lambda: recurrent(False, connections=np.triu(np.ones((5, 5)), -2)),
    "recurrent, drive inside": lambda: recurrent(True),
    "callables": lambda: from_callables(quartic, quartic_gradient, 3, hvp=quartic_hvp),
    "callables, fused": lambda: from_callables(None, num_weights=3, loss_and_gradient=quartic_both),
    "callables, fused too": lambda: from_callables(quartic, num_weights=3, loss_and_gradient=quartic_both),
    "callables, differences": lambda: from_callables(quartic, quartic_gradient, 3),
    "an author's one member": lambda: as_problem(OneMember()),
    "an author's three members": lambda: as_problem(ThreeMembers(normal(7, 3))),
    "an author's own product": lambda: as_problem(FourMembers()),
}
PROBLEMS |= {
    f"network, {activation}": lambda activation=activation: network(4, activation=activation)
    for activation in ("identity", "tanh", "sigmoid", "relu", "softplus", "swish", "gelu")
}
WITHOUT_CLOSED_FLOW = {"neuron, patterns that compete"}
MADE = {name: make() for name, make in PROBLEMS.items()}


def named(ability):
    return [name for name, problem in MADE.items() if isinstance(problem, ability)]


every = pytest.mark.parametrize("name", PROBLEMS)
sampled = pytest.mark.parametrize("name", named(Sampled))


def place(problem, seed=1):
    """Return weights, two directions of length one, and a block of three directions."""
    generator = np.random.default_rng(seed)
    n = num_weights(problem)
    w, u, v = generator.normal(size=(3, n))
    return w, u / np.linalg.norm(u), v / np.linalg.norm(v), generator.normal(size=(n, 3))


def num_weights(problem):
    """Return the number of weights; three where any number will do."""
    return problem.num_weights or 3


def slope(function, step=1e-3):
    """Return d/ds function(s) at 0 by the central difference of fourth order."""
    one, two = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * one - two) / (12 * step)


@every
def test_it_is_a_problem(name):
    problem = MADE[name]
    assert isinstance(problem, Problem)
    assert isinstance(repr(problem), str)
    assert len(repr(problem)) < 100
    w, _, v, block = place(problem)
    assert isinstance(problem.loss(w), float)
    assert problem.gradient(w).shape == w.shape
    assert problem.hvp(w, v).shape == w.shape
    assert problem.hvp(w, block).shape == block.shape


@every
def test_gradient_is_the_slope_of_the_loss(name):
    problem = MADE[name]
    w, u, _, _ = place(problem)
    gradient = problem.gradient(w)
    assert gradient @ u == pytest.approx(
        slope(lambda s: problem.loss(w + s * u)), abs=1e-8 * np.linalg.norm(gradient)
    )


@every
def test_hvp_is_the_slope_of_the_gradient(name):
    problem = MADE[name]
    w, u, _, _ = place(problem)
    product = problem.hvp(w, u)
    difference = slope(lambda s: problem.gradient(w + s * u))
    np.testing.assert_allclose(product, difference, rtol=0, atol=1e-6 * np.linalg.norm(difference))


@every
def test_hvp_is_symmetric(name):
    problem = MADE[name]
    w, u, v, _ = place(problem)
    forth, back = problem.hvp(w, u), problem.hvp(w, v)
    assert v @ forth == pytest.approx(u @ back, abs=1e-8 * np.linalg.norm(forth))


@every
def test_hvp_of_a_block_is_the_hvp_of_its_columns(name):
    problem = MADE[name]
    w, _, _, block = place(problem)
    columns = np.column_stack([problem.hvp(w, column) for column in block.T])
    for product in (
        problem.hvp(w, block),
        problem.linearize(w)[2](block),
        problem.hvp(w, np.asfortranarray(block)),
    ):
        np.testing.assert_allclose(product, columns, rtol=1e-12, atol=1e-12)


@every
def test_fused_equals_separate(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    loss, gradient = problem.loss_and_gradient(w)
    again, same, product = problem.linearize(w)
    assert loss == pytest.approx(problem.loss(w), rel=1e-13)
    assert again == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(gradient, problem.gradient(w), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(same, gradient, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(product(v), problem.hvp(w, v), rtol=1e-12, atol=1e-14)


@every
def test_a_product_stays_right_whatever_happens_next(name):
    problem = MADE[name]
    w, _, v, block = place(problem)
    expected = problem.hvp(w, v)
    _, gradient, product = problem.linearize(w)
    other = place(problem, seed=2)[0]
    problem.gradient(other), problem.linearize(other)[2](block), product(block)
    w += 1.0
    gradient[:] = np.nan
    np.testing.assert_allclose(product(v), expected, rtol=1e-12, atol=1e-14)


@every
def test_arguments_are_left_as_they_are(name):
    problem = MADE[name]
    w, _, v, block = place(problem)
    for array in (w, v, block):
        array.flags.writeable = False
    problem.loss(w), problem.gradient(w), problem.loss_and_gradient(w)
    problem.hvp(w, v), problem.hvp(w, block)
    product = problem.linearize(w)[2]
    product(v), product(block)


@every
def test_what_is_returned_belongs_to_the_caller(name):
    problem = MADE[name]
    w, _, v, block = place(problem)

    def results():
        _, fused = problem.loss_and_gradient(w)
        _, linear, product = problem.linearize(w)
        return [
            problem.gradient(w),
            fused,
            linear,
            problem.hvp(w, v),
            product(v),
            problem.hvp(w, block),
            product(block),
        ]

    first = results()
    kept = [result.copy() for result in first]
    for result in first:
        assert not any(np.shares_memory(result, argument) for argument in (w, v, block))
        result[:] = np.nan
    for result, expected in zip(results(), kept, strict=True):
        np.testing.assert_array_equal(result, expected)


@every
def test_lists_are_weights_too(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    assert problem.loss(w.tolist()) == problem.loss(w)
    np.testing.assert_array_equal(problem.gradient(w.tolist()), problem.gradient(w))
    np.testing.assert_array_equal(problem.hvp(w.tolist(), v.tolist()), problem.hvp(w, v))


@every
def test_wrong_shapes_are_refused(name):
    problem = MADE[name]
    n = num_weights(problem)
    w = np.ones(n)
    other_sizes = [] if problem.num_weights is None else [np.ones(n + 1)]
    for wrong in (*other_sizes, np.ones((n, 1)), np.ones((1, n)), 1.0):
        for evaluate in (problem.loss, problem.gradient, problem.loss_and_gradient, problem.linearize):
            with pytest.raises(ValueError, match="`w` must have shape"):
                evaluate(wrong)
        with pytest.raises(ValueError, match="`w` must have shape"):
            problem.hvp(wrong, w)
    product = problem.linearize(w)[2]
    for wrong in (np.ones(n + 1), np.ones((n + 1, 2)), np.ones((n, 1, 1)), 1.0):
        with pytest.raises(ValueError, match="`v` must have shape"):
            problem.hvp(w, wrong)
        with pytest.raises(ValueError, match="`v` must have shape"):
            product(wrong)


@every
def test_a_pickled_problem_is_the_same_problem(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    problem.linearize(w)
    copy = pickle.loads(pickle.dumps(problem))
    assert copy.loss(w) == problem.loss(w)
    np.testing.assert_array_equal(copy.hvp(w, v), problem.hvp(w, v))


@every
def test_calls_on_many_threads_do_not_mix(name):
    problem = MADE[name]
    weights = normal(16, num_weights(problem), seed=3)
    expected = [problem.gradient(w) for w in weights]
    with ThreadPoolExecutor(4) as pool:
        gradients = list(pool.map(problem.gradient, list(weights) * 5))
    np.testing.assert_array_equal(gradients, expected * 5)


@sampled
def test_the_subset_of_all_samples_is_the_whole(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    whole = problem.subset(np.arange(problem.num_samples))
    assert whole.num_samples == problem.num_samples
    assert whole.num_weights == problem.num_weights
    assert whole.loss(w) == pytest.approx(problem.loss(w), rel=1e-12)
    np.testing.assert_allclose(whole.gradient(w), problem.gradient(w), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(whole.hvp(w, v), problem.hvp(w, v), rtol=1e-11, atol=1e-13)


@sampled
def test_the_whole_is_the_mean_or_the_sum_of_its_samples(name):
    problem = MADE[name]
    w = place(problem)[0]
    parts = [problem.subset([p]).loss_and_gradient(w) for p in range(problem.num_samples)]
    share = 1 / problem.num_samples if problem.averaged else 1.0
    assert problem.loss(w) == pytest.approx(share * sum(loss for loss, _ in parts), rel=1e-12)
    gradient = share * sum(gradient for _, gradient in parts)
    np.testing.assert_allclose(problem.gradient(w), gradient, rtol=1e-11, atol=1e-13)


@sampled
def test_a_subset_of_a_subset_keeps_order_and_repeats(name):
    problem = MADE[name]
    w = place(problem)[0]
    last = problem.num_samples - 1
    twice = problem.subset([last, 0, last]).subset([0, 2])
    factor = 1 if problem.averaged else 2
    assert twice.num_samples == 2
    assert twice.averaged == problem.averaged
    assert twice.loss(w) == pytest.approx(factor * problem.subset([last]).loss(w), rel=1e-12)


@sampled
def test_indices_that_are_no_samples_are_refused(name):
    problem = MADE[name]
    for wrong in ([], [0.5], 0, [[0]], [True]):
        with pytest.raises(ValueError, match="`indices` must be"):
            problem.subset(wrong)
    for wrong in ([-1], [problem.num_samples]):
        with pytest.raises(ValueError, match="`indices` must lie in 0 to"):
            problem.subset(wrong)


@pytest.mark.parametrize("name", sorted(set(named(Start)) & set(named(Sampled))))
def test_a_subset_starts_like_the_whole(name):
    problem = MADE[name]
    np.testing.assert_array_equal(problem.subset([0]).initial_weights(5), problem.initial_weights(5))


@pytest.mark.parametrize("name", named(Start))
def test_initial_weights_are_seeded_and_scaled(name):
    problem = MADE[name]
    w = problem.initial_weights(5)
    assert w.shape == (problem.num_weights,)
    assert np.any(w != problem.initial_weights(6))
    np.testing.assert_array_equal(w, problem.initial_weights(5))
    np.testing.assert_allclose(problem.initial_weights(5, scale=0.25), 0.25 * w, rtol=1e-15)
    with pytest.raises(ValueError, match="`scale` must be a positive number"):
        problem.initial_weights(5, scale=0.0)
    with pytest.raises(ValueError, match="`seed` must be a whole number"):
        problem.initial_weights(-1)


@pytest.mark.parametrize("name", named(ThirdDerivative))
def test_third_derivative_is_the_slope_of_the_hvp(name):
    problem = MADE[name]
    w, u, v, _ = place(problem)
    third = problem.third_derivative(w, u, v)
    difference = slope(lambda s: problem.hvp(w + s * v, u))
    scale = np.linalg.norm(problem.hvp(w, u))
    np.testing.assert_allclose(third, difference, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(third, problem.third_derivative(w, v, u), rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="must have shape"):
        problem.third_derivative(w, np.ones(w.size + 1), v)


@pytest.mark.parametrize("name", sorted(set(named(Closed)) - WITHOUT_CLOSED_FLOW))
def test_the_closed_flow_starts_at_w0_and_moves_against_the_gradient(name):
    problem = MADE[name]
    w0 = place(problem)[0]
    times = np.array([[0.0, 0.1], [0.5, 2.0]])
    weights = problem.flow(w0, times)
    assert weights.shape == (2, 2, problem.num_weights)
    np.testing.assert_allclose(weights[0, 0], w0, rtol=1e-12)
    np.testing.assert_allclose(problem.flow(w0, 2.0), weights[1, 1], rtol=1e-12)
    speed = slope(lambda s: problem.flow(w0, 0.5 + s))
    gradient = problem.gradient(weights[1, 0])
    np.testing.assert_allclose(speed, -gradient, rtol=0, atol=1e-8 * np.linalg.norm(gradient) + 1e-11)
    back = problem.flow(weights[0, 1], -0.1)
    np.testing.assert_allclose(back, w0, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", named(Differenced))
def test_products_from_a_gradient_are_made_of_its_calls_alone(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    expected = MADE[name].hvp(w, v)
    calls = []

    def gradient(w):
        calls.append(1)
        return MADE[name].gradient(w)

    product = problem.products_from(gradient)(w)
    np.testing.assert_allclose(product(v), expected, rtol=1e-12, atol=1e-14)
    before = len(calls)
    product(v)
    assert len(calls) == before + problem.gradients_per_product


@pytest.mark.parametrize("name", named(RoughlyLinearized))
def test_rough_linearizations_have_the_loss_and_gradient_to_the_last_bit(name):
    problem = MADE[name]
    w, _, v, _ = place(problem)
    loss, gradient = problem.loss_and_gradient(w)
    for linearize in problem.rough_linearizations():
        again, same, product = linearize(w)
        assert again == loss
        np.testing.assert_array_equal(same, gradient)
        assert product(v).shape == v.shape


def test_the_contract_knows_problems_with_differences_and_with_rough_products():
    assert "an author's three members" in named(Differenced)
    assert "callables, differences" in named(Differenced)
    assert "callables" not in named(Differenced)
    assert "an author's own product" not in named(Differenced)
    assert any(MADE[name].rough_linearizations() for name in named(RoughlyLinearized))
