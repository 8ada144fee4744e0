import numpy as np
import pytest

from gradflow.analysis.stability import largest_stable_learning_rate
from gradflow.errors import Undefined
from gradflow.problems import Quadratic
from gradflow.rules import (
    Adam,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Normalized,
    Projected,
    RandomSign,
    RMSProp,
    SignDescent,
)

BASIS = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
HESSIAN = (BASIS * [0.5, 1.0, 4.0]) @ BASIS.T
HESSIAN = 0.5 * (HESSIAN + HESSIAN.T)
PROBLEM = Quadratic(HESSIAN, minimizer=[1.0, -2.0, 0.5])
START = PROBLEM.minimizer + np.array([0.3, 0.7, -0.4])
VECTOR = np.array([0.1, 1.0, 3.0])
OTHER = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
MATRIX = (OTHER * [0.2, 1.0, 5.0]) @ OTHER.T
MATRIX = 0.5 * (MATRIX + MATRIX.T)

# For each rule the rule at `c` times its unit, which is a number, a vector or a matrix.
SCALED = {
    "descent": GradientDescent,
    "descent, vector": lambda c: GradientDescent(c * VECTOR),
    "descent, matrix": lambda c: GradientDescent(c * MATRIX),
    "heavy ball 0.9": lambda c: HeavyBall(c, 0.9),
    "heavy ball 0.5, vector": lambda c: HeavyBall(c * VECTOR, 0.5),
    "Nesterov 0.9": lambda c: Nesterov(c, 0.9),
    "Nesterov 0.5, matrix": lambda c: Nesterov(c * MATRIX, 0.5),
    "momentum 0": lambda c: HeavyBall(c, 0.0),
}


def distance_after(rule, num_steps, start=START):
    w, state = start, rule.init(start)
    for step in range(num_steps):
        w, state = rule.update(w, PROBLEM.gradient(w), state, step)
    return np.linalg.norm(w - PROBLEM.minimizer)


@pytest.mark.parametrize("name", SCALED)
def test_a_rule_converges_just_below_its_limit_and_grows_just_above_it(name):
    scaled = SCALED[name]
    limit = largest_stable_learning_rate(PROBLEM, START, scaled(1.0))
    start = np.linalg.norm(START - PROBLEM.minimizer)
    assert distance_after(scaled(0.99 * limit), 1000) < 1e-3 * start
    assert distance_after(scaled(1.01 * limit), 1000) > 1e3 * start


@pytest.mark.parametrize(
    ("rule", "product"),
    [
        (None, 2.0),
        (GradientDescent(0.1), 2.0),
        (GradientDescent(lambda step: 0.1 / (1 + step)), 2.0),
        (HeavyBall(0.1, 0.9), 3.8),
        (HeavyBall(0.1, 0.5), 3.0),
        (Nesterov(0.1, 0.9), 3.8 / 2.8),
        (Nesterov(0.1, 0.5), 1.5),
    ],
)
def test_the_limit_over_the_sharpness_is_that_of_the_literature(rule, product):
    assert largest_stable_learning_rate(PROBLEM, START, rule) * 4.0 == pytest.approx(product, rel=1e-12)


def test_a_diagonal_preconditioner_on_a_diagonal_hessian_multiplies_entry_by_entry():
    problem = Quadratic([1.0, 4.0, 2.0])
    rule = GradientDescent(np.array([9.0, 1.0, 2.0]))
    assert largest_stable_learning_rate(problem, np.zeros(3), rule) == pytest.approx(2.0 / 9.0, rel=1e-14)


def frozen_distance(rule, learning_rate, w, num_steps):
    """Distance to the minimizer after steps of an adaptive rule whose preconditioner stays at its start."""
    preconditioner = 1.0 / (np.abs(PROBLEM.gradient(w)) + rule.epsilon)
    decay = getattr(rule, "beta1", 0.0)
    mean = np.zeros_like(w)
    for _ in range(num_steps):
        mean = decay * mean + (1 - decay) * PROBLEM.gradient(w)
        w = w - learning_rate * preconditioner * mean
    return np.linalg.norm(w - PROBLEM.minimizer)


@pytest.mark.parametrize("unit", [1.0, VECTOR], ids=["number", "vector"])
@pytest.mark.parametrize("adaptive", [RMSProp, Adam])
def test_an_adaptive_rule_with_a_frozen_preconditioner_converges_below_and_grows_above(adaptive, unit):
    rule = adaptive(unit)
    limit = largest_stable_learning_rate(PROBLEM, START, rule)
    start = np.linalg.norm(START - PROBLEM.minimizer)
    assert frozen_distance(rule, 0.99 * limit * unit, START, 2000) < 1e-3 * start
    assert frozen_distance(rule, 1.01 * limit * unit, START, 2000) > 1e3 * start


def test_adam_is_stable_up_to_38_over_the_preconditioned_sharpness():
    gradient = PROBLEM.gradient(START)
    root = np.diag(1.0 / np.sqrt(np.abs(gradient) + 1e-8))
    preconditioned = np.linalg.eigvalsh(root @ HESSIAN @ root)[-1]
    assert largest_stable_learning_rate(PROBLEM, START, Adam(0.1)) == pytest.approx(38.0 / preconditioned)
    assert largest_stable_learning_rate(PROBLEM, START, RMSProp(0.1)) == pytest.approx(2.0 / preconditioned)


def test_rmsprop_that_rests_in_a_constant_slope_has_the_frozen_preconditioner():
    rule = RMSProp(0.1)
    gradient = PROBLEM.gradient(START)
    square = rule.init(START)
    for step in range(3000):
        moved, square = rule.update(START, gradient, square, step)
    preconditioner = 1.0 / (np.abs(gradient) + rule.epsilon)
    np.testing.assert_allclose((START - moved) / 0.1, preconditioner * gradient, rtol=1e-10)


@pytest.mark.parametrize("rule", [SignDescent(0.1), RandomSign(0.1), Normalized(0.1)])
def test_rules_whose_steps_do_not_shrink_have_no_linear_limit(rule):
    with pytest.raises(ValueError, match=f"linear limit, got {type(rule).__name__}"):
        largest_stable_learning_rate(PROBLEM, START, rule)


def test_a_projected_rule_sends_to_the_inner_one():
    with pytest.raises(ValueError, match="got Projected, inside whose bounds its inner rule is to be asked"):
        largest_stable_learning_rate(PROBLEM, START, Projected(SignDescent(0.1), 0.0, 1.0))


@pytest.mark.parametrize("rule", [RMSProp(MATRIX), Adam(MATRIX)])
def test_an_adaptive_rule_with_a_matrix_has_no_symmetric_limit(rule):
    with pytest.raises(ValueError, match="is not symmetric"):
        largest_stable_learning_rate(PROBLEM, START, rule)


@pytest.mark.parametrize("rule", [0.1, "adam", object()])
def test_an_unknown_rule_is_named(rule):
    with pytest.raises(ValueError, match="`rule` must say what it is stable below"):
        largest_stable_learning_rate(PROBLEM, START, rule)


@pytest.mark.parametrize("eigenvalues", [[-1.0, -2.0], [0.0, -2.0], [0.0, 0.0]])
def test_without_positive_curvature_there_is_no_limit(eigenvalues):
    with pytest.raises(ValueError, match="curves upwards"):
        largest_stable_learning_rate(Quadratic(eigenvalues), [1.0, 1.0])


@pytest.mark.parametrize("rule", [GradientDescent(np.ones(2)), Adam(np.ones(2))])
def test_a_learning_rate_of_the_wrong_length_is_named(rule):
    with pytest.raises(ValueError, match="`rule` must have a learning rate for 3 weights"):
        largest_stable_learning_rate(PROBLEM, START, rule)


def test_malformed_weights_are_named():
    with pytest.raises(ValueError, match="`w` must be finite"):
        largest_stable_learning_rate(PROBLEM, [np.nan, 0.0, 0.0], RMSProp(0.1))


def test_an_undefined_hessian_is_said_to_be_undefined():
    class Nowhere(Quadratic):
        def linearize(self, w):
            return 0.0, np.zeros(1), lambda v: np.full_like(v, np.nan)

    with pytest.raises(Undefined, match="no value at these weights"):
        largest_stable_learning_rate(Nowhere(1.0), [0.0])
