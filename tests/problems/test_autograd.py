"""A loss written with autograd.numpy as a problem."""

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems import from_autograd

anp = pytest.importorskip("autograd.numpy")


def test_products_are_exact_and_the_gradient_is_that_of_both():
    problem = from_autograd(lambda w: anp.sum(anp.cosh(w)) + anp.prod(w), 3)
    w = np.array([0.5, -1.0, 2.0])
    loss, gradient, product = problem.linearize(w)
    assert loss == problem.loss_and_gradient(w)[0]
    np.testing.assert_array_equal(gradient, problem.loss_and_gradient(w)[1])
    np.testing.assert_allclose(gradient, np.sinh(w) + np.array([-2.0, 1.0, -0.5]), rtol=1e-14)
    mixed = np.array([[0.0, 2.0, -1.0], [2.0, 0.0, 0.5], [-1.0, 0.5, 0.0]])
    np.testing.assert_allclose(product(np.eye(3)), np.diag(np.cosh(w)) + mixed, rtol=1e-14)
    np.testing.assert_allclose(problem.hvp(w, w), (np.diag(np.cosh(w)) + mixed) @ w, rtol=1e-14)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ValueError, match=r"`loss` must be a function, got 3\.0"):
        from_autograd(3.0)


def test_a_loss_that_is_drawn_at_random_is_refused_by_its_first_run():
    draws = np.random.default_rng(0)
    problem = from_autograd(lambda w: anp.sum((w - draws.standard_normal()) ** 2))
    with pytest.raises(ValueError, match="must be a function of the weights alone"):
        gf.descend(problem, np.ones(3), 0.1, 4)
