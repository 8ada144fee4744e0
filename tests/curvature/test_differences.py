"""Curvature where products are differences of gradients: right, or what noise leaves of it, with a word."""

import re
import warnings

import numpy as np
import pytest

from gradflow import descend
from gradflow.curvature import (
    SharpnessTracker,
    bottom_eigenpairs,
    difference_product,
    layer_sharpness,
    sharpness,
    top_eigenpairs,
)
from gradflow.problems import FeedForward, Quadratic, from_callables

VOUCHED = "lets eigenvalues be vouched for"


def net(n, precision, *, exact=False):
    """A problem of n weights whose gradient is computed in this precision, and weights of it."""
    rng = np.random.default_rng(0)
    a, t = 5 / n**0.5 * rng.standard_normal((50, n)), rng.standard_normal(50)
    rows, targets = a.astype(precision), t.astype(precision)

    def gradient(w):
        y = np.tanh(rows @ w.astype(precision))
        return rows.T @ ((y - targets) * (1 - y * y)) / precision(50)

    def hvp(w, v):
        y = np.tanh(a @ w)
        s = 1 - y * y
        return a.T @ ((s * s - 2 * y * s * (y - t)) * (a @ v)) / 50

    problem = from_callables(lambda w: 0.0, gradient, n, hvp=hvp if exact else None)
    return problem, 0.3 * rng.standard_normal(n)


@pytest.mark.parametrize("n", [20, 200, 2410])
def test_gradients_in_double_precision_give_the_sharpness_to_nine_digits_without_a_word(n):
    problem, w = net(n, np.float64)
    right = sharpness(net(n, np.float64, exact=True)[0], w, 1e-12)
    assert sharpness(problem, w) == pytest.approx(right, rel=2e-9)


@pytest.mark.parametrize("n", [20, 200, 2410])
def test_gradients_in_single_precision_give_the_sharpness_to_a_thousandth_with_one_warning(n):
    problem, w = net(n, np.float32)
    right = sharpness(net(n, np.float64, exact=True)[0], w)
    with pytest.warns(RuntimeWarning, match=VOUCHED) as caught:
        value = sharpness(problem, w)
    assert len(caught) == 1
    assert value == pytest.approx(right, rel=1e-3)
    assert sharpness(problem, w, tol=1e-2) == pytest.approx(right, rel=1e-3)  # no warning: it is met


def test_the_search_in_noise_costs_no_more_gradients_than_without():
    spent = []
    for precision in (np.float64, np.float32):
        problem, w = net(2410, precision)
        calls, gradient = [], problem.gradient

        def counted(w, calls=calls, gradient=gradient):
            calls.append(1)
            return gradient(w)

        same = from_callables(lambda w: 0.0, counted, 2410)
        with warnings.catch_warnings(action="ignore"):
            sharpness(same, w)
        spent.append(len(calls))
    assert spent[1] <= spent[0]


def test_other_eigenpairs_and_layers_in_single_precision_are_right_as_well():
    problem, w = net(200, np.float32)
    exact = net(200, np.float64, exact=True)[0]
    blocks = [np.arange(90), np.arange(90, 200)]
    right = top_eigenpairs(exact, w, 2)[0]
    with pytest.warns(RuntimeWarning, match=VOUCHED):
        np.testing.assert_allclose(top_eigenpairs(problem, w, 2)[0], right, rtol=2e-3)
    with pytest.warns(RuntimeWarning, match=VOUCHED):
        lowest = bottom_eigenpairs(problem, w, 1)[0]
    np.testing.assert_allclose(lowest, bottom_eigenpairs(exact, w, 1)[0], atol=1e-3 * right[0])
    with pytest.warns(RuntimeWarning, match=VOUCHED):
        layers = layer_sharpness(problem, w, blocks)
    np.testing.assert_allclose(layers, layer_sharpness(exact, w, blocks), rtol=2e-3)
    with pytest.warns(RuntimeWarning, match=VOUCHED):
        scaled = sharpness(problem, w, preconditioner=9.0)
    assert scaled == pytest.approx(9 * right[0], rel=1e-3)


@pytest.mark.parametrize("distance", [0.0, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("place", [-1.0, 0.0, 2.0])
def test_the_sharpness_far_from_the_origin_is_that_of_the_loss(distance, place):
    center = distance + 0.0
    problem = from_callables(
        lambda w: 0.25 * ((w[0] - center) ** 2 - 1) ** 2,
        lambda w: ((w - center) ** 2 - 1) * (w - center),
        1,
    )
    value = sharpness(problem, [center + place], tol=1e-4)
    assert value == pytest.approx(3 * place**2 - 1, rel=2e-6)


def test_a_warning_says_what_rounding_of_the_weights_leaves():
    # At 1e12 neighbouring floats are 1.2e-4 apart, at a loss that bends on a length of 1.
    problem = from_callables(None, None, 1, loss_and_gradient=lambda w: (0.0, np.sin(w - 1e12)))
    with pytest.warns(RuntimeWarning, match=VOUCHED):
        value = sharpness(problem, [1e12])
    assert value == pytest.approx(1.0, rel=0.05)


def test_a_one_sided_product_knows_the_precision_of_its_gradients():
    exact, w = net(200, np.float64, exact=True)
    v = np.linspace(-1, 1, 200)
    right = exact.hvp(w, v)
    for precision, error in ((np.float64, 1e-6), (np.float32, 1e-2)):
        problem = net(200, precision)[0]
        product = difference_product(problem, w, problem.gradient(w))
        assert np.linalg.norm(product(v) - right) < error * np.linalg.norm(right)


def test_a_one_sided_product_costs_one_gradient_after_the_first():
    calls = []

    class Counting(Quadratic):
        def gradient(self, w):
            calls.append(1)
            return super().gradient(w)

    problem = Counting([1.0, 4.0])
    product = difference_product(problem, [0.1, 0.2], problem.gradient([0.1, 0.2]))
    assert len(calls) == 1
    product(np.ones(2))
    assert len(calls) <= 6
    before = len(calls)
    product(np.ones(2)), product(np.eye(2))
    assert len(calls) == before + 3


@pytest.mark.parametrize("products", ["exact", "differences"])
def test_the_tracker_follows_gradients_in_single_precision_with_one_warning(products):
    problem, w = net(200, np.float32)
    exact = net(200, np.float64, exact=True)[0]
    path = [w * (1 + 0.003 * t) for t in range(40)]
    tracker = SharpnessTracker(problem, products=products)
    with pytest.warns(RuntimeWarning, match=VOUCHED) as caught:
        values = [tracker(t, w) for t, w in enumerate(path)]
    assert len(caught) == 1
    np.testing.assert_allclose(values, [sharpness(exact, w) for w in path], rtol=2e-3)
    assert tracker.num_products < 4 * len(path)


def test_the_tracker_of_differences_in_double_precision_measures_their_distance_now_and_then():
    problem, w = net(200, np.float64)
    calls, gradient = [], problem.gradient

    def counted(w):
        calls.append(1)
        return gradient(w)

    tracker = SharpnessTracker(from_callables(lambda w: 0.0, counted, 200))
    path = [w * (1 + 1e-4 * t) for t in range(90)]
    values = [tracker(t, w) for t, w in enumerate(path)]
    exact = net(200, np.float64, exact=True)[0]
    np.testing.assert_allclose(values, [sharpness(exact, w) for w in path], rtol=1e-6)
    assert len(calls) <= 2 * tracker.num_products + 13


def test_the_tracker_takes_weights_of_any_number_and_problems_of_one_member():
    class Bowls:
        def loss_and_gradient(self, w):
            return 0.5 * w @ (np.arange(1, w.size + 1) * w), np.arange(1, w.size + 1) * w

    for problem in (Bowls(), from_callables(None, loss_and_gradient=Bowls().loss_and_gradient)):
        for n in (2, 60):
            tracker = SharpnessTracker(problem)
            assert [tracker(t, np.ones(n)) for t in range(3)] == pytest.approx([n] * 3, rel=1e-6)
    with pytest.raises(ValueError, match="`k` must be at most the number of weights, 2, got 3"):
        SharpnessTracker(Bowls(), k=3)(0.0, np.ones(2))


def told_and_found(problem, w, tol=1e-6):
    """Return the sharpness, and to what it is vouched for."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=f".*{VOUCHED}")
        value = sharpness(problem, w, tol)
    told = [float(re.search("to ([0-9.e-]+) of its size", str(each.message))[1]) for each in caught]
    return value, max([tol, *told])


class Counted:
    """A gradient that counts, in numbers of some precision."""

    def __init__(self, gradient, precision=np.float64):
        self.gradient, self.precision, self.calls = gradient, precision, 0

    def __call__(self, w):
        self.calls += 1
        return self.gradient(w.astype(self.precision)).astype(float)


PRECISIONS = pytest.mark.parametrize(
    ("precision", "coarse"), [(np.float64, 1e-6), (np.float32, 1e-3)], ids=["float64", "float32"]
)


@PRECISIONS
@pytest.mark.parametrize("n", [1, 100, 3000])
@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("place", [0.0, 0.1, 2.0])
def test_one_weight_in_another_unit_is_seen_by_differences_along_it(precision, coarse, n, unit, place):
    # E = sum_i cosh(w_i / u_i): along the sharpest direction it bends on a length of its own, which in a
    # direction at random among many looks like another one; at 0 no second difference shows that.
    units = np.ones(n)
    units[0] = unit
    own = units.astype(precision)
    gradient = Counted(lambda w: np.sinh(w / own) / own, precision)
    w = np.random.default_rng(0).uniform(-1, 1, n) * units
    w[0] = place * unit
    w = w.astype(precision).astype(float)
    right = np.cosh(w[0] / units[0]) / unit**2
    value, told = told_and_found(from_callables(lambda w: 0.0, gradient, n, check=False), w)
    assert abs(value - right) <= told * right
    assert told <= 4 * coarse
    assert gradient.calls < 130


@pytest.mark.parametrize("n", [1, 2, 40, 200])
@pytest.mark.parametrize("shift", [0.0, 1e5, 1e6])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_wells_far_from_the_origin_in_any_unit_are_right_to_the_tolerance(n, shift, unit):
    # E = sum_j s_j (cosh(a_j (w - c) / u) - 1) with orthonormal a_j: the eigenvalues are in closed form.
    rows = np.linalg.qr(np.random.default_rng(0).standard_normal((n, min(n, 3))))[0].T
    scales = np.array([1.0, 0.5, 0.2])[: len(rows)]
    center = shift * unit

    def gradient(w):
        return rows.T @ (scales * np.sinh(rows @ ((w - center) / unit))) / unit

    w = center + unit * np.random.default_rng(1).uniform(-1, 1, n)
    right = (scales * np.cosh(rows @ ((w - center) / unit))).max() / unit**2
    value, told = told_and_found(from_callables(lambda w: 0.0, gradient, n, check=False), w)
    assert value == pytest.approx(right, rel=1e-6)
    assert told <= 1e-6 if n == 1 or shift < 1e6 else told <= 1e-5


def test_gradients_of_a_precision_that_their_numbers_do_not_show_are_differenced_as_they_deserve():
    exact, w = net(200, np.float64, exact=True)
    single = net(200, np.float32)[0]
    right = sharpness(exact, w)
    # Scaled in float64, so that nothing but its author knows that it came from float32.
    calls = []

    def gradient(w):
        calls.append(1)
        return single.gradient(w) / 3.0

    for said in (None, 2.0**-23):
        calls.clear()
        problem = from_callables(lambda w: 0.0, gradient, 200, gradient_precision=said, check=False)
        value, told = told_and_found(problem, w)
        assert 3 * value == pytest.approx(right, rel=1e-3)
        assert 1e-6 < told < 2e-3
        assert len(calls) < 100


def test_single_precision_passes_of_a_network_give_the_sharpness_as_promised():
    rng = np.random.default_rng(0)
    network = FeedForward(rng.standard_normal((80, 6)), np.sin(rng.standard_normal((80, 2))), [20])
    w, single = network.initial_weights(0), network.in_single()
    right = sharpness(network, w, 1e-10)
    # With exact products to 1e-6 without a word, without them to 1e-3.
    assert sharpness(single, w) == pytest.approx(right, rel=1e-6)
    with pytest.warns(RuntimeWarning, match="vouched for to .e-07 of its size, not to tol 1e-08"):
        assert sharpness(single, w, 1e-8) == pytest.approx(right, rel=1e-6)
    assert sharpness(from_callables(single.loss, single.gradient, check=False), w, 1e-3) == pytest.approx(
        right, rel=1e-3
    )


def test_a_run_that_records_the_sharpness_by_differences_measures_their_distance_now_and_then():
    problem, w = net(200, np.float64)
    calls, gradient = [], problem.gradient

    def counted(w):
        calls.append(1)
        return gradient(w)

    own = from_callables(lambda w: 0.0, counted, 200, check=False)
    tracker = SharpnessTracker(own)
    run = descend(own, w, 1e-3, 60, record={"sharpness": tracker})
    exact = net(200, np.float64, exact=True)[0]
    np.testing.assert_allclose(
        run.records["sharpness"], [sharpness(exact, w) for w in run.weights], rtol=1e-6
    )
    assert len(calls) <= run.num_gradients + 2 * tracker.num_products + 26


@pytest.mark.parametrize("n", [1, 5, 100])
@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_loss_without_curvature_has_none_and_no_word_is_said(n, precision, slope):
    gradient = Counted(lambda w: slope * np.arange(1, n + 1, dtype=w.dtype) / w.dtype.type(3), precision)
    problem = from_callables(lambda w: 0.0, gradient, n, check=False)
    w = np.full(n, 0.3)
    assert sharpness(problem, w) == bottom_eigenpairs(problem, w, 1)[0][0] == 0
    assert SharpnessTracker(problem)(0.0, w) == 0


@PRECISIONS
@pytest.mark.parametrize("seed", range(30))
def test_no_more_is_promised_than_is_kept_whatever_the_units(precision, coarse, seed):
    # E = scale sum_j F(a_j w / u + c_j) with rows a_j of any length: the Hessian in closed form.
    rng = np.random.default_rng(seed)
    n, m = int(rng.choice([1, 2, 20, 80, 300])), int(rng.integers(1, 6))
    rows = 10.0 ** rng.uniform(-2, 1, (m, 1)) * rng.standard_normal((m, n)) / n**0.5
    unit, scale, offsets = 10.0 ** rng.uniform(-6, 6), 10.0 ** rng.uniform(-8, 8), rng.standard_normal(m)
    slope, bend = [(np.sinh, np.cosh), (np.sin, np.cos), (lambda z: z**3, lambda z: 3 * z**2)][seed % 3]
    w = (unit * rng.standard_normal(n)).astype(precision).astype(float)
    own = [each.astype(precision) for each in (rows, offsets, np.array(unit), np.array(scale))]

    def gradient(w):
        z = own[0] @ (w / own[2]) + own[1]
        return own[3] * (own[0].T @ slope(z)) / own[2]

    hessian = scale * (rows.T * bend(rows @ (w / unit) + offsets)) @ rows / unit**2
    values = np.linalg.eigvalsh(hessian)
    counted = Counted(gradient, precision)
    value, told = told_and_found(from_callables(lambda w: 0.0, counted, n, check=False), w)
    rounding = 1e-5 if precision is np.float32 else 1e-13
    assert abs(value - values[-1]) < (told + rounding) * np.abs(values).max()
    assert counted.calls < 2 * min(n, 64) + 150
