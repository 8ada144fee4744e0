import numpy as np
import pytest

from gradflow.curvature import dense_hessian, layer_sharpness, sharpness
from gradflow.problems import DeepLinear, FeedForward, Quadratic

RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))
PROBLEMS = {
    "network": (FeedForward(INPUTS, TARGETS, (4, 3)), (16, 31, 39)),
    "network without biases": (FeedForward(INPUTS, TARGETS, (4,), bias=False), (12, 20)),
    "deep linear": (DeepLinear(INPUTS, TARGETS, [4]), None),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_value_is_the_top_eigenvalue_of_its_diagonal_block(name):
    problem, ends = PROBLEMS[name]
    w = problem.initial_weights(1)
    values = layer_sharpness(problem, w)
    hessian = dense_hessian(problem, w)
    if ends is not None:
        blocks = [slice(start, end) for start, end in zip((0, *ends[:-1]), ends, strict=True)]
        expected = [np.linalg.eigvalsh(hessian[block, block])[-1] for block in blocks]
        np.testing.assert_allclose(values, expected, rtol=1e-10)
    assert values.max() <= sharpness(problem, w) * (1 + 1e-12)


def test_one_layer_of_all_weights_is_the_sharpness():
    problem, _ = PROBLEMS["network"]
    w = problem.initial_weights(1)
    whole = layer_sharpness(problem, w, [np.arange(problem.num_weights)])
    assert whole.tolist() == [pytest.approx(sharpness(problem, w))]


def test_a_problem_without_layers_asks_for_them():
    with pytest.raises(ValueError, match="`layers` must be given for Quadratic"):
        layer_sharpness(Quadratic([1.0, 2.0]), [0.0, 0.0])
    with pytest.raises(ValueError, match=r"`layers\[0\]` must lie in 0 to 1"):
        layer_sharpness(Quadratic([1.0, 2.0]), [0.0, 0.0], [[5]])
