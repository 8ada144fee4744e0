import numpy as np
import pytest

from gradflow import GradientFlow, Undefined, descend, integrate
from gradflow.curvature import dense_hessian, sharpness
from gradflow.problems import Catapult, DoubleWell, MinimalistEdge, ScalarProduct, overlapping_logistic


def test_the_double_well_is_the_odd_cubic_map():
    eta, x = 1.3, 0.7
    z = x / np.sqrt((1 + eta) / eta)
    step = descend(DoubleWell(), [x], eta, 1).final_weights[0] / np.sqrt((1 + eta) / eta)
    assert step == pytest.approx((1 + eta) * z * (1 - z**2), rel=1e-14)


@pytest.mark.parametrize(("rate", "stays"), [(2.0, True), (2.0001, False)])
def test_the_double_well_holds_the_weight_up_to_2_and_not_beyond(rate, stays):
    run = descend(DoubleWell(), [0.9], rate, 20_000, record_every=20_000)
    assert (run.outcome.name == "FINISHED") == stays


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_sharpness_of_a_minimum_of_the_product_is_the_sum_of_inverse_squares(depth):
    w = np.exp(np.random.default_rng(depth).normal(0, 0.3, depth))
    w[0] *= 2.0 / np.prod(w)
    problem = ScalarProduct(depth, 2.0)
    assert sharpness(problem, w) == pytest.approx(np.sum((2.0 / w) ** 2), rel=1e-9)
    balanced = np.full(depth, 2.0 ** (1 / depth))
    assert sharpness(problem, balanced) == pytest.approx(depth * 2.0 ** (2 - 2 / depth), rel=1e-9)


@pytest.mark.parametrize(
    ("problem", "w0"),
    [
        (ScalarProduct(3, 2.0), [0.5, 1.0, 1.5]),
        (ScalarProduct(2, -1.0), [-0.5, 2.0]),
        (MinimalistEdge(), [2.0, 0.3]),
        (MinimalistEdge(), [-0.3, 1.7]),
    ],
)
def test_the_flow_ends_at_its_limit(problem, w0):
    limit = problem.flow_limit(w0)
    assert problem.loss(limit) == pytest.approx(0.0, abs=1e-28)
    run = integrate(GradientFlow(problem), w0, 100.0, rtol=1e-9)
    np.testing.assert_allclose(run.final_weights, limit, rtol=1e-6)
    np.testing.assert_allclose(problem.flow_limit(limit), limit, rtol=1e-12)


def test_a_flow_that_may_end_in_a_saddle_has_no_limit():
    with pytest.raises(Undefined, match="sign of the target"):
        ScalarProduct(2).flow_limit([-1.0, 1.0])
    with pytest.raises(Undefined, match="does not reach a minimum"):
        MinimalistEdge().flow_limit([0.0, 1.0])


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.25])
def test_the_edge_is_the_minimum_of_sharpness_two_over_eta(rate):
    problem = MinimalistEdge()
    edge = problem.edge(rate)
    assert problem.loss(edge) == pytest.approx(0.0, abs=1e-28)
    assert sharpness(problem, edge) == pytest.approx(2 / rate, rel=1e-12)
    assert edge[0] >= 1.0


def test_no_edge_beyond_a_quarter():
    with pytest.raises(ValueError, match="`learning_rate` must be at most 1/4"):
        MinimalistEdge().edge(0.26)


@pytest.mark.parametrize(
    ("rate", "num_steps", "product"),
    [(0.01, 100_000, 0.99990032), (0.05, 10_000, 0.99769251), (0.2, 1000, 0.9911162)],
)
def test_descent_settles_just_below_the_edge(rate, num_steps, product):
    problem = MinimalistEdge()
    x = 1.1 * problem.edge(rate)[0]
    run = descend(problem, [x, 0.9 / x], rate, num_steps, record_every=num_steps)
    assert sharpness(problem, run.final_weights) * rate / 2 == pytest.approx(product, abs=1e-6)


def test_the_catapult_is_its_map_of_two_numbers():
    problem = Catapult(1000, seed=0)
    w0 = problem.initial_weights()
    output, kernel = problem.output(w0), problem.kernel(w0)
    assert kernel == pytest.approx(2.00236, abs=1e-5)
    rate, n = 3.0 / kernel, problem.width
    run = descend(problem, w0, rate, 50)
    for w in run.weights:
        assert problem.output(w) == pytest.approx(output, abs=1e-9 * run.step_losses.max())
        assert problem.kernel(w) == pytest.approx(kernel, rel=1e-11)
        pull = rate * output**2 / n
        output, kernel = (
            (1 - rate * kernel + rate * pull) * output,
            kernel + pull * (rate * kernel - 4),
        )


@pytest.mark.parametrize(
    ("start", "peak", "step", "end"),
    [(2.5, 52.95, 6, 1.26978), (3.0, 184.99, 4, 0.18928), (3.9, 465.88, 3, 1.14422)],
)
def test_the_catapult_throws_the_weights_where_it_is_known_to(start, peak, step, end):
    problem = Catapult(1000)
    w0 = problem.initial_weights(0)
    rate = start / problem.kernel(w0)
    run = descend(problem, w0, rate, 200)
    assert run.step_losses.max() == pytest.approx(peak, abs=0.01)
    assert run.step_losses.argmax() == step
    assert rate * problem.kernel(run.final_weights) == pytest.approx(end, abs=1e-5)


def test_the_catapult_diverges_just_above_4_and_not_just_below():
    problem = Catapult(1000)
    w0 = problem.initial_weights(0)
    outcomes = [
        descend(problem, w0, start / problem.kernel(w0), 2000, record_every=2000) for start in (3.98, 4.02)
    ]
    assert outcomes[0].final_loss < 1e-20
    assert outcomes[1].outcome.name == "DIVERGED"


def test_the_catapult_draws_its_weights_from_its_own_seed():
    np.testing.assert_array_equal(Catapult(4, seed=3).initial_weights(), Catapult(4).initial_weights(3))
    expected = np.random.default_rng(3)
    np.testing.assert_array_equal(
        Catapult(4, seed=3).initial_weights(),
        np.concatenate([expected.standard_normal(4), expected.standard_normal(4)]),
    )


@pytest.mark.parametrize(("ones", "zeros"), [(1, 1), (2, 1), (1, 5)])
def test_overlapping_classes_have_a_minimum_of_known_curvature(ones, zeros):
    problem = overlapping_logistic(ones, zeros)
    p = ones / (ones + zeros)
    w = np.log([p / (1 - p)])
    assert problem.gradient(w)[0] == pytest.approx(0.0, abs=1e-15)
    assert dense_hessian(problem, w)[0, 0] == pytest.approx(p * (1 - p), rel=1e-12)


def test_overlapping_classes_end_in_a_cycle_just_above_the_limit_and_never_diverge():
    problem = overlapping_logistic(1, 1)
    below, above, far = (descend(problem, [1.0], rate, 5000).weights[-2:, 0] for rate in (7.9, 8.1, 1000.0))
    assert np.abs(below).max() < 1e-6
    assert above[0] == pytest.approx(-above[1], rel=1e-6)
    assert abs(above[0]) > 0.1
    assert np.isfinite(far).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ScalarProduct(0), "`depth` must be a whole number"),
        (lambda: ScalarProduct(2, np.nan), "`target` must be finite"),
        (lambda: Catapult(0), "`width` must be a whole number"),
        (lambda: Catapult(2, -1), "`seed` must be a whole number"),
        (lambda: overlapping_logistic(0, 1), "`num_ones` must be a whole number"),
    ],
)
def test_bad_arguments_are_named(make, match):
    with pytest.raises(ValueError, match=match):
        make()
