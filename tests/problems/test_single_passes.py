"""Problems whose passes are in single precision are the same problems to seven digits."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.kernels.activations import ACTIVATIONS
from gradflow.problems.problem import Differenced, Problem, RoughlyLinearized, Sampled, SinglePasses

NUM_SAMPLES = 300


def data(loss):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((NUM_SAMPLES, 5))
    targets = rng.standard_normal((NUM_SAMPLES, 3))
    return inputs, targets if loss == "squared" else targets.argmax(axis=1)


def network(loss="squared", widths=(7, 6), **options):
    return gf.problems.FeedForward(*data(loss), widths, loss=loss, **options)


def logistic(bias=True):
    inputs, labels = data("cross_entropy")
    return gf.problems.linear.LogisticRegression(inputs, labels > 0, bias=bias)


PROBLEMS = {
    **{
        f"{activation}, {loss}": network(loss, activation=activation)
        for activation in ACTIVATIONS
        for loss in ("squared", "cross_entropy")
    },
    "one unit wide": network(widths=(1, 1)),
    "no hidden layer": network("cross_entropy", widths=()),
    "no bias": network(bias=False),
    "wide": network(widths=(40,)),
    "sigmoid outputs and inputs": network(output_activation="sigmoid", input_activation="sigmoid"),
    "deep linear": gf.problems.DeepLinear(*data("squared"), (7, 6)),
    "logistic": logistic(),
    "logistic without bias": logistic(bias=False),
}


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.fixture(params=PROBLEMS)
def place(request):
    problem = PROBLEMS[request.param]
    w = problem.initial_weights(1) + 0.1 * np.random.default_rng(2).standard_normal(problem.num_weights)
    return problem, problem.in_single(), w


def test_it_is_a_whole_problem_without_differences(place):
    problem, single, _ = place
    assert isinstance(problem, SinglePasses)
    assert isinstance(single, Problem)
    assert isinstance(single, Sampled)
    assert not isinstance(single, Differenced)
    assert single.num_weights == problem.num_weights
    assert "single precision" in repr(single)
    assert "single precision" not in repr(problem)


def test_losses_and_gradients_agree_to_single_precision_and_no_better(place):
    problem, single, w = place
    loss, gradient = single.loss_and_gradient(w)
    exact_loss, exact_gradient = problem.loss_and_gradient(w)
    assert abs(loss - exact_loss) < 1e-7 * exact_loss
    assert 1e-10 < distance(gradient, exact_gradient) < 1e-6
    assert isinstance(loss, float)
    assert gradient.dtype == np.float64


def test_products_agree_to_single_precision(place):
    problem, single, w = place
    block = np.random.default_rng(3).standard_normal((problem.num_weights, 3))
    for v in (block[:, 0], block):
        exact = problem.hvp(w, v)
        for product in (single.hvp(w, v), single.linearize(w)[2](v)):
            assert product.dtype == np.float64
            assert product.shape == v.shape
            assert distance(product, exact) < 1e-6


def test_what_is_linearized_is_what_is_evaluated_to_the_last_bit(place):
    _, single, w = place
    rough = single.rough_linearizations() if isinstance(single, RoughlyLinearized) else ()
    loss, gradient = single.loss_and_gradient(w)
    assert single.loss(w) == loss
    np.testing.assert_array_equal(single.gradient(w), gradient)
    for linearize in (single.linearize, *rough):
        linearized = linearize(w)
        assert linearized[0] == loss
        np.testing.assert_array_equal(linearized[1], gradient)


def test_a_subset_is_in_single_precision_too(place):
    problem, single, w = place
    chosen = np.arange(0, NUM_SAMPLES, 3)
    gradient, exact = single.subset(chosen).gradient(w), problem.subset(chosen).gradient(w)
    assert 1e-10 < distance(gradient, exact) < 1e-6


def test_the_problem_itself_is_left_as_it_was(place):
    problem, _, w = place
    before = problem.gradient(w)
    problem.in_single().gradient(w)
    np.testing.assert_array_equal(problem.gradient(w), before)


@pytest.mark.parametrize("kind", [0, 1], ids=["gauss-newton", "hessian"])
def test_rough_products_of_a_network_agree(kind):
    problem = network()
    w, v = problem.initial_weights(1), problem.initial_weights(2)
    products = [each.rough_linearizations()[kind](w)[2](v) for each in (problem, problem.in_single())]
    assert distance(*products) < 1e-6


def test_everything_else_a_network_says_is_in_double_precision():
    problem, inputs = network(), data("squared")[0]
    single, w = problem.in_single(), problem.initial_weights(0)
    assert single.predict(w, inputs).dtype == np.float64
    np.testing.assert_allclose(single.predict(w, inputs), problem.predict(w, inputs), atol=1e-6)
    for delta, exact in zip(single.deltas(w), problem.deltas(w), strict=True):
        assert delta.dtype == np.float64
        assert distance(delta, exact) < 1e-6


def test_a_residual_keeps_its_digits_where_outputs_come_near_their_targets():
    # softmax(y) of the right class is 1 - e^-20, which float32 cannot tell from 1; its complement it can.
    problem = gf.problems.FeedForward(np.ones((1, 1)), np.array([[1.0, 0.0]]), (), loss="cross_entropy")
    w = np.array([20.0, 0.0, 0.0, 0.0])
    loss, gradient = problem.in_single().loss_and_gradient(w)
    np.testing.assert_allclose(gradient, np.exp(-20.0) * np.array([-1, -1, 1, 1]), rtol=1e-6)
    assert loss == pytest.approx(np.exp(-20.0), rel=1e-6)


@pytest.mark.parametrize("size", [80.0, 100.0, 1000.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_net_inputs_overflow_no_earlier_than_in_double(activation, size):
    problem = gf.problems.FeedForward(np.array([[1.0], [-1.0]]), np.zeros(2), (1,), activation=activation)
    w = np.array([size, 0.0, 1.0, 0.0])
    single = problem.in_single()
    assert single.loss(w) == pytest.approx(problem.loss(w), rel=1e-6)
    np.testing.assert_allclose(single.gradient(w), problem.gradient(w), rtol=1e-6, atol=1e-30)
