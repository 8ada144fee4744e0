import numpy as np
import pytest

from gradflow.analysis.convergence import pairwise_orders
from gradflow.analysis.convergence.gradients import difference_gradient
from gradflow.problems import FeedForward, Quadratic, SigmoidNeuron

NEURON = SigmoidNeuron((1.5,), (1.0,))


def test_differences_of_a_quadratic_are_exact_up_to_rounding():
    problem = Quadratic([[2.0, 1.0], [1.0, -3.0]])
    w = np.array([0.3, -0.8])
    np.testing.assert_allclose(difference_gradient(problem, w), problem.gradient(w), atol=1e-9)
    np.testing.assert_allclose(difference_gradient(problem, w, step=0.5), problem.gradient(w), rtol=1e-14)


def test_differences_are_of_second_order_with_the_third_derivative_as_their_constant():
    w, steps = np.array([0.4]), np.array([0.1, 0.05, 0.025])
    errors = [difference_gradient(NEURON, w, step=h)[0] - NEURON.gradient(w)[0] for h in steps]
    assert pairwise_orders(steps, np.abs(errors))[-1] == pytest.approx(2.0, abs=0.01)
    third = NEURON.third_derivative(w, np.ones(1), np.ones(1))[0]
    assert errors[-1] == pytest.approx(steps[-1] ** 2 / 6 * third, rel=1e-2)


def test_chosen_weights_are_those_entries():
    rng = np.random.default_rng(0)
    net = FeedForward(rng.standard_normal((5, 3)), rng.standard_normal((5, 2)), (4,))
    w, chosen = net.initial_weights(0), [7, 0, 20]
    np.testing.assert_array_equal(
        difference_gradient(net, w, indices=chosen), difference_gradient(net, w)[chosen]
    )
    np.testing.assert_allclose(difference_gradient(net, w), net.gradient(w), atol=1e-9)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`step` must be a positive number"):
        difference_gradient(NEURON, [0.0], step=0.0)
    with pytest.raises(ValueError, match="`w` must have 1 weights"):
        difference_gradient(NEURON, [0.0, 1.0])
    with pytest.raises(ValueError, match="`indices` must lie in 0 to 0"):
        difference_gradient(NEURON, [0.0], indices=[1])
