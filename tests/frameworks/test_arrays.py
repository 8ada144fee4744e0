"""Tensors of torch and arrays of JAX are taken as data and as weights."""

import numpy as np
import pytest

import gradflow as gf
from gradflow import validate

ROWS = [[0.5, -1.0], [2.0, 0.25], [1.0, 3.0]]


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "int64", "bool"])
def test_tensors_of_torch_are_arrays(dtype):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(ROWS).to(getattr(torch, dtype))
    np.testing.assert_array_equal(validate.array("x", tensor, 2), np.array(tensor.tolist(), dtype=float))


def test_a_tensor_that_needs_its_gradient_is_an_array_the_graph_does_not_share():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    for given in (tensor, torch.nn.Parameter(tensor.detach().clone()), tensor * 1.0):
        result = validate.array("x", given, 2)
        np.testing.assert_array_equal(result, ROWS)
        result[:] = 7
        np.testing.assert_array_equal(given.detach(), ROWS)


def test_what_a_tensor_lacks_is_named():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"`x` must be finite, got nan at \[1\]"):
        validate.array("x", torch.tensor([1.0, float("nan")]), 1)
    with pytest.raises(ValueError, match="`x` must be real numbers"):
        validate.array("x", torch.tensor([1j]), 1)
    with pytest.raises(ValueError, match="`x` must be numbers"):
        validate.array("x", torch.empty(2, device="meta"), 1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_arrays_of_jax_are_arrays(dtype):
    numbers = pytest.importorskip("jax.numpy")
    array = numbers.asarray(ROWS).astype(dtype)
    np.testing.assert_array_equal(validate.array("x", array, 2), np.array(array.tolist(), dtype=float))


def test_a_network_takes_tensors_as_inputs_labels_and_weights():
    torch = pytest.importorskip("torch")
    inputs = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 2, 1])
    for targets in (labels, labels.float(), labels.to(torch.uint8)):
        network = gf.problems.FeedForward(inputs, targets, [2], loss="cross_entropy")
        plain = gf.problems.FeedForward(ROWS, [0, 2, 1], [2], loss="cross_entropy")
        w = torch.tensor(plain.initial_weights(0), dtype=torch.float64, requires_grad=True)
        assert network.loss(w) == plain.loss(w.detach().numpy())
        assert network.accuracy(w, inputs, targets) == plain.accuracy(w, ROWS, [0, 2, 1])


def test_functions_of_a_user_and_closed_forms_take_tensors_as_weights():
    torch = pytest.importorskip("torch")
    w = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)
    problem = gf.problems.from_callables(lambda w: 0.5 * w @ w, lambda w: w)
    assert problem.loss(w) == 0.625
    np.testing.assert_array_equal(problem.gradient(w), [0.5, -1.0])
    np.testing.assert_allclose(problem.hvp(w, w), [0.5, -1.0], rtol=1e-9)
    neuron, start = gf.problems.SigmoidNeuron(), torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    assert neuron.flow_time(start, w[:1]) == neuron.flow_time([0.0], [0.5])
    assert neuron.flow_time(0.0, w[0]) == neuron.flow_time(0.0, 0.5)
    np.testing.assert_array_equal(neuron.flow(start, w[:1]), neuron.flow([0.0], [0.5]))
