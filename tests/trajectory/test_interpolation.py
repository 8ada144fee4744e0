"""Between two points: the Hermite polynomial through up to six of them is what it says."""

import numpy as np
import pytest

from gradflow.trajectory.interpolation import NUM_POINTS, Between, interpolated, window

NODES = np.array([0.0, 0.9, 2.1, 3.0, 4.2, 5.0, 6.1, 7.0])
POLYNOMIAL = np.polynomial.Chebyshev(np.random.default_rng(0).standard_normal(2 * NUM_POINTS), [0.0, 7.0])


@pytest.mark.parametrize("left", range(len(NODES) - 1))
def test_a_polynomial_of_degree_eleven_comes_back_with_its_slope(left):
    assert POLYNOMIAL.degree() == 2 * NUM_POINTS - 1
    first, last = window(NODES, left)
    assert last - first + 1 == min(NUM_POINTS, 6)
    asked = np.linspace(NODES[left], NODES[left + 1], 9)[1:-1]
    inside = Between(NODES, left, asked)
    known = POLYNOMIAL(NODES), POLYNOMIAL.deriv()(NODES)
    assert np.abs(inside.values(*known) - POLYNOMIAL(asked)).max() < 1e-11
    assert np.abs(inside.slopes(*known) - POLYNOMIAL.deriv()(asked)).max() < 1e-9


def test_one_degree_more_does_not_come_back():
    higher = np.polynomial.Chebyshev(np.eye(2 * NUM_POINTS + 1)[-1], [0.0, 7.0])
    asked = np.array([3.5])
    found = Between(NODES, 3, asked).values(higher(NODES), higher.deriv()(NODES))
    assert abs(found - higher(asked)).max() > 1e-6


def test_rows_of_vectors_are_interpolated_entry_by_entry():
    known = np.sin(NODES), np.cos(NODES)
    pair = [np.stack([each, -2.0 * each], axis=1) for each in known]
    asked = np.array([3.2, 3.7])
    one, two = (Between(NODES, 3, asked).values(*each) for each in (known, pair))
    assert np.abs(two - one[:, np.newaxis] * [1.0, -2.0]).max() < 1e-14


def test_what_stands_at_a_point_is_taken_from_there():
    values, slopes = np.exp(NODES), np.exp(NODES)
    asked = NODES[[0, 3, 7]]
    assert (interpolated(NODES, values, slopes, asked) == np.exp(asked)).all()


def test_points_that_lie_far_closer_together_take_no_part():
    times = np.array([0.0, 1.0, 1.001, 1.002, 2.0, 3.0])
    assert window(times, 3) == (3, 5)
