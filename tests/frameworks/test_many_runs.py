"""Torch modules and JAX losses at many weight vectors at once."""

import numpy as np
import pytest

import gradflow as gf

X = np.random.default_rng(0).standard_normal((6, 3))
T = np.random.default_rng(1).standard_normal((6, 2))


def own_network():
    return gf.problems.FeedForward(X, T, [4])


def torch_problem():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    inputs, targets = torch.tensor(X), torch.tensor(T)
    return gf.problems.from_torch(module, lambda y, t: 0.5 * ((y - t) ** 2).sum(1).mean(), (inputs, targets))


def jax_problem():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def loss(params, inputs, targets):
        y = jnp.tanh(inputs @ params["a"].T + params["b"]) @ params["c"].T + params["d"]
        return 0.5 * jnp.mean(jnp.sum((y - targets) ** 2, axis=1))

    params = {"a": jnp.ones((4, 3)), "b": jnp.zeros(4), "c": jnp.ones((2, 4)), "d": jnp.zeros(2)}
    problem = gf.problems.from_jax(loss, params, (X, T))
    yield problem
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(params=["torch", "jax"])
def problem(request):
    if request.param == "torch":
        yield torch_problem()
    else:
        yield from jax_problem()


@pytest.mark.parametrize("num_rows", [1, 5, 16])
def test_rows_are_those_of_single_evaluations(problem, num_rows):
    W = np.random.default_rng(2).standard_normal((num_rows, problem.num_weights))
    losses, gradients = problem.losses_and_gradients(W)
    for k in range(num_rows):
        loss, gradient = problem.loss_and_gradient(W[k])
        assert losses[k] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(gradients[k], gradient, rtol=1e-10, atol=1e-13)


def test_descents_in_lanes_are_those_of_descend(problem):
    W0, etas = np.random.default_rng(3).standard_normal((5, problem.num_weights)), np.linspace(0.01, 0.2, 5)
    many = gf.descend_many(problem, W0, etas, 60, threads=1)
    for k in range(5):
        one = gf.descend(problem, W0[k], etas[k], 60)
        np.testing.assert_allclose(many.weights[k], one.final_weights, rtol=1e-9, atol=1e-11)


def test_a_module_that_cannot_be_taken_for_many_goes_row_by_row():
    torch = pytest.importorskip("torch")

    class Branching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))

        def forward(self, inputs):
            return inputs @ self.weight if self.weight.sum() > 0 else 2.0 * (inputs @ self.weight)

    problem = gf.problems.from_torch(
        Branching(), lambda y, t: 0.5 * ((y - t) ** 2).mean(), (torch.tensor(X), torch.tensor(T[:, 0]))
    )
    W = np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, 0.5]])
    losses, gradients = problem.losses_and_gradients(W)
    for k in range(2):
        loss, gradient = problem.loss_and_gradient(W[k])
        assert losses[k] == loss
        np.testing.assert_array_equal(gradients[k], gradient)
