import numpy as np
import pytest

from gradflow.curvature import dense_hessian, spectral_density
from gradflow.datasets import chebyshev
from gradflow.problems import FeedForward, Quadratic

NET = FeedForward(*chebyshev(3), (12,))
W = NET.initial_weights(0)


def test_a_run_as_long_as_the_space_has_the_eigenvalues_as_nodes():
    values = np.linalg.eigvalsh(dense_hessian(NET, W))
    density = spectral_density(NET, W, num_vectors=1, num_products=NET.num_weights)
    assert np.abs(density.nodes[:, None] - values).min(axis=1).max() < 1e-9
    assert density.weights.sum() == pytest.approx(1.0)


def test_means_of_powers_come_near_the_traces():
    hessian = dense_hessian(NET, W)
    density = spectral_density(NET, W, num_vectors=200)
    for power in (1, 2, 3):
        trace = np.trace(np.linalg.matrix_power(hessian, power)) / NET.num_weights
        assert density.mean(power) == pytest.approx(trace, rel=0.1)


def test_the_smoothed_density_integrates_to_one_and_counts_eigenvalues():
    problem = Quadratic(np.r_[np.ones(30), 5.0 * np.ones(10)])
    density = spectral_density(problem, np.zeros(40), num_vectors=50)
    grid = np.linspace(-1, 7, 4001)
    curve = density.smoothed(grid, 0.1)
    assert np.trapezoid(curve, grid) == pytest.approx(1.0, abs=1e-6)
    assert np.trapezoid(curve[grid > 3], grid[grid > 3]) == pytest.approx(0.25, abs=1e-2)


def test_equal_seeds_give_equal_densities():
    first, second = (spectral_density(NET, W, num_vectors=2, num_products=9, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.nodes, second.nodes)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`num_vectors` must be a whole number"):
        spectral_density(NET, W, num_vectors=0)
    with pytest.raises(ValueError, match="`num_products` must be a whole number"):
        spectral_density(NET, W, num_products=0)
    with pytest.raises(ValueError, match="`width` must be a positive number"):
        spectral_density(NET, W, num_vectors=1).smoothed([0.0], 0.0)
