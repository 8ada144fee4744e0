import numpy as np
import pytest

from gradflow import Sketch


def test_a_sketch_is_linear_and_seeded():
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, 300))
    sketch = Sketch(300, size=40, seed=3)
    np.testing.assert_allclose(sketch.apply(2 * u - v), 2 * sketch.apply(u) - sketch.apply(v), atol=1e-12)
    np.testing.assert_array_equal(sketch.apply(u), Sketch(300, size=40, seed=3).apply(u))
    assert not np.array_equal(sketch.apply(u), Sketch(300, size=40, seed=4).apply(u))


def test_rows_are_sketched_like_single_vectors():
    rows = np.random.default_rng(1).standard_normal((4, 100))
    sketch = Sketch(100, size=20)
    np.testing.assert_allclose(sketch.apply(rows), [sketch.apply(row) for row in rows], rtol=1e-14)


def test_squared_distances_are_unbiased_over_seeds():
    v = np.random.default_rng(2).standard_normal(200)
    ratios = [np.sum(Sketch(200, size=50, seed=seed).apply(v) ** 2) / (v @ v) for seed in range(400)]
    # The standard deviation of one ratio is at most sqrt(2/50) = 0.2, of the mean of 400 at most 0.01.
    assert abs(np.mean(ratios) - 1) < 0.04
    assert np.std(ratios) < 0.25


@pytest.mark.parametrize(
    ("name", "arguments"), [("num_weights", (0,)), ("size", (5, 0)), ("seed", (5, 5, -1))]
)
def test_a_sketch_of_wrong_numbers_is_refused(name, arguments):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number"):
        Sketch(*arguments)


def test_vectors_of_another_length_are_refused():
    with pytest.raises(ValueError, match="must have 5 columns"):
        Sketch(5).apply(np.ones(6))
