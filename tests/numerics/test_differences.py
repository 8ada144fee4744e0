"""Products by differences: right wherever a function bends on its own scale, for a known number of calls."""

import numpy as np
import pytest

from gradflow.numerics.differences import Differences, forward_into
from gradflow.numerics.rounding import resolution

EPS = {np.float64: 2.0**-52, np.float32: 2.0**-23}


class Counted:
    def __init__(self, function):
        self.function, self.num_calls = function, 0

    def __call__(self, x):
        self.num_calls += 1
        return self.function(x)


def net(precision=np.float64, n=200):
    """A gradient whose numbers are of one precision, with the exact product."""
    rng = np.random.default_rng(0)
    a, t, x = rng.standard_normal((50, n)), rng.standard_normal(50), 0.1 * rng.standard_normal(n)

    def gradient(w):
        rows, y = a.astype(precision), np.tanh(a.astype(precision) @ w.astype(precision))
        return (rows.T @ ((y - t.astype(precision)) * (1 - y * y))).astype(np.float64) / 50

    def product(w, v):
        y = np.tanh(a @ w)
        s = 1 - y * y
        return a.T @ ((s * s - 2 * y * s * (y - t)) * (a @ v)) / 50

    return gradient, product, x


def well(center):
    return lambda w: ((w - center) ** 2 - 1) * (w - center), lambda w, v: (3 * (w - center) ** 2 - 1) * v


# function, exact product, place, and the relative error that central and forward differences may leave
PLACES = {
    "bends on 1": (*well(0.0), [1.0], 1e-9, 1e-6),
    "bends on 1, 1e4 away": (*well(1e4), [1e4 + 1], 1e-6, 1e-5),
    "bends on 1, 1e5 away": (*well(1e5), [1e5 + 1], 1e-5, 1e-4),
    "bends on 1, 1e5 away, where the second derivative is 0": (*well(1e5), [1e5], 1e-5, 1e-4),
    "bends on 1, 1e8 away": (*well(1e8), [1e8 + 1], 1e-3, 1e-3),
    "bends on 1e4": (
        lambda w: np.sinh(w / 1e4) / 1e4,
        lambda w, v: np.cosh(w / 1e4) / 1e8 * v,
        [1.0, -2.0],
        1e-9,
        1e-6,
    ),
    "bends on 1e-4": (
        lambda w: np.sinh(1e4 * w) * 1e4,
        lambda w, v: np.cosh(1e4 * w) * 1e8 * v,
        [1e-4, -2e-4],
        1e-9,
        1e-6,
    ),
    "large against its slope": (lambda w: w - 1e8, lambda w, v: v, [0.0, 1.0], 1e-9, 1e-6),
    "a wall 1e-6 away": (lambda w: 1 - 1 / w, lambda w, v: v / w**2, [1e-6], 1e-9, 1e-6),
    "flat but for 1e-7": (
        lambda w: np.tanh(1e7 * w),
        lambda w, v: 1e7 * v / np.cosh(1e7 * w) ** 2,
        [2e-8],
        1e-9,
        1e-6,
    ),
    "a net": (*net(), 1e-8, 1e-6),
    "a net in single precision": (*net(np.float32), 1e-3, 1e-2),
}


@pytest.mark.parametrize("is_central", [True, False], ids=["central", "forward"])
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.filterwarnings("ignore:overflow")
def test_the_product_is_right_on_whatever_scale_the_function_bends(name, is_central):
    function, exact, x, *bounds = PLACES[name]
    x = np.array(x)
    counted = Counted(function)
    product = Differences(counted, is_central=is_central)(x)
    v = np.random.default_rng(1).standard_normal(x.size)
    expected = exact(x, v)
    error = np.linalg.norm(product(v) - expected)
    assert error < bounds[0 if is_central else 1] * np.linalg.norm(expected)
    assert error < 5 * product.uncertainty * np.linalg.norm(v)
    # As large as the error to be feared, not far larger.
    assert product.uncertainty * np.linalg.norm(v) < bounds[0 if is_central else 1] * np.linalg.norm(expected)
    assert counted.num_calls <= 30


def test_the_length_of_v_does_not_matter():
    function, exact, x = net()
    product = Differences(function)(x)
    v = np.linspace(-1, 1, x.size)
    for length in (1e-9, 1e9):
        np.testing.assert_allclose(product(length * v), length * exact(x, v), rtol=0, atol=1e-7 * length)


def test_a_block_is_its_columns_and_zero_gives_zero():
    function, _, x = net()
    product = Differences(function)(x)
    block = np.random.default_rng(0).standard_normal((x.size, 3))
    np.testing.assert_array_equal(product(block), np.column_stack([product(v) for v in block.T]))
    np.testing.assert_array_equal(product(np.zeros(x.size)), np.zeros(x.size))


@pytest.mark.parametrize(("is_central", "each"), [(True, 2), (False, 1)])
def test_the_first_product_chooses_and_the_others_cost_their_differences(is_central, each):
    counted = Counted(net()[0])
    x = net()[2]
    product = Differences(counted, is_central=is_central)(x)
    assert counted.num_calls == 0
    product(x)
    assert counted.num_calls <= 13
    before = counted.num_calls
    for _ in range(5):
        product(x)
    assert counted.num_calls == before + 5 * each


def test_a_value_that_is_given_is_not_evaluated_again():
    function, _, x = net()
    calls = []
    for value in (None, function(x)):
        counted = Counted(function)
        Differences(counted, is_central=False)(x, value)(x)
        calls.append(counted.num_calls)
    assert calls[0] == calls[1] + 1


def test_a_choice_serves_places_nearby_and_is_made_anew_far_away():
    counted = Counted(well(0.0)[0])
    differences, v = Differences(counted), np.ones(1)
    differences(np.array([1.0]))(v)
    before = counted.num_calls
    for step in range(10):
        differences(np.array([1.0 + 1e-3 * step]))(v)
    assert counted.num_calls == before + 10 * 2
    far = np.array([1e4])
    product = differences(far)(v)
    assert counted.num_calls > before + 11 * 2
    assert product[0] == pytest.approx(3e8 - 1, rel=1e-8)


def test_a_choice_is_made_anew_after_a_hundred_places_however_near():
    counted = Counted(well(0.0)[0])
    differences, spent = Differences(counted), []
    for _ in range(102):
        before = counted.num_calls
        differences(np.ones(1))(np.ones(1))
        spent.append(counted.num_calls - before)
    assert [place for place, calls in enumerate(spent) if calls > 2] == [0, 100]


def test_what_is_not_finite_stays_so_and_costs_no_search():
    counted = Counted(lambda w: w * np.nan)
    product = Differences(counted)(np.ones(3))
    assert np.isnan(product(np.ones(3))).all()
    assert counted.num_calls == 3
    assert product.uncertainty == np.inf


def test_an_exception_of_the_function_comes_through_and_the_next_call_starts_afresh():
    class Spent(Exception):
        pass

    budget = [5]

    def function(w):
        if budget[0] == 0:
            raise Spent
        budget[0] -= 1
        return np.sin(w)

    product = Differences(function)(np.array([0.5]))
    with pytest.raises(Spent):
        product(np.ones(1))
    budget[0] = 100
    np.testing.assert_allclose(product(np.ones(1)), np.cos(0.5), rtol=1e-9)


def test_what_the_caller_does_to_its_arrays_afterwards_changes_nothing():
    function, exact, x = net()
    value = function(x)
    product = Differences(function)(x, value)
    v, expected = np.ones(x.size), exact(x, np.ones(x.size))
    x[:] = value[:] = np.nan
    np.testing.assert_allclose(product(v), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_the_resolution_is_that_of_the_numbers_the_values_came_from(precision):
    values = np.random.default_rng(0).standard_normal(3).astype(precision).astype(np.float64)
    assert resolution(values) == EPS[precision]
    assert resolution(np.append(values, np.nan)) == EPS[precision]
    assert resolution(np.array([1e300, 1.0])) == EPS[np.float64]


def test_forward_differences_into_an_array_use_it_and_leave_v_alone():
    function, exact, x = net()
    image, v = np.empty(x.size), np.linspace(-1, 1, x.size)
    kept = v.copy()
    result = forward_into(function, x, function(x), 1e-7, image)(v)
    assert result is image
    np.testing.assert_array_equal(v, kept)
    np.testing.assert_allclose(result, exact(x, v), rtol=0, atol=1e-5)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("is_central", [True, False])
def test_beside_an_edge_of_the_domain_a_difference_is_shorter(gap, is_central):
    # A constant passes for one in float32, whose differences are about 0.01 long.
    differences = Differences(lambda w: np.where(w < 1, -1.0, np.nan), is_central=is_central)
    np.testing.assert_array_equal(differences(np.array([1 - gap]))(np.ones(1)), [0.0])
    # A slope is found as well as the gap allows: rounding is eps over what is left of it.
    differences = Differences(lambda w: np.where(w < 1, 0.3 * w, np.nan), is_central=is_central)
    product = differences(np.array([1 - gap]))(np.ones(1))
    assert product[0] == pytest.approx(0.3, abs=1e-6 + 16 * np.finfo(float).eps / gap)


def odd(units):
    """The gradient of sum_i cosh(w_i / u_i), with the exact product."""
    return lambda w: np.sinh(w / units) / units, lambda w, v: np.cosh(w / units) / units**2 * v


@pytest.mark.parametrize("place", [0.5, 1.0, 2.0])
def test_a_direction_along_which_a_function_bends_sooner_gets_a_shorter_distance(place):
    # At random among 1000 directions the one of unit 1e-4 has a share of 0.03: its length looks like 3e-3.
    units = np.ones(1000)
    units[0] = 1e-4
    function, exact = odd(units)
    x, sharp = np.random.default_rng(0).uniform(-1, 1, 1000), np.eye(1000)[0]
    x[0] = place * 1e-4
    counted = Counted(lambda w: function(w).astype(np.float32).astype(float))
    product = Differences(counted)(x)
    product(np.random.default_rng(1).standard_normal(1000))
    found, right = product(sharp)[0], exact(x, sharp)[0]
    assert abs(found - right) < 4 * product.uncertainty
    assert abs(found / right - 1) < 1e-3
    before = counted.num_calls
    product(sharp)
    assert counted.num_calls == before + 2


def test_at_a_place_of_symmetry_a_shorter_difference_shows_what_a_second_one_does_not():
    units = np.ones(1000)
    units[0] = 1e-4
    function, exact = odd(units)
    x, sharp = np.random.default_rng(0).uniform(-1, 1, 1000), np.eye(1000)[0]
    x[0] = 0.0
    product = Differences(lambda w: function(w).astype(np.float32).astype(float))(x)
    product(np.random.default_rng(1).standard_normal(1000))
    right = exact(x, sharp)[0]
    first, second = product(sharp)[0], product.nearer(2 * sharp)[0] / 2
    assert abs(first / right - 1) > 0.1
    assert abs(second - first) > 10 * product.uncertainty
    assert product.shorten_along(2 * sharp, abs(second - first))
    assert abs(product(sharp)[0] / right - 1) < 1e-3
    # Less than there is, it does not promise.
    assert not product.shorten_along(sharp, 1e-9 * right)


@pytest.mark.parametrize("x", [[1e6 + 0.3], [-1e6 - 0.3], [1e8], [1e-9]])
def test_along_a_line_the_rounding_of_the_places_does_no_harm(x):
    product = Differences(lambda w: 3.0 * (w - x[0]))(np.array(x))
    np.testing.assert_allclose(product(np.array([-2.0])), [-6.0], rtol=1e-13)


def test_a_precision_that_is_said_is_taken_for_that_of_the_function():
    # Rounding to float32 hides behind a factor in float64: only the caller knows of it.
    function, exact, x = net(np.float32)
    v, expected = np.ones(x.size), exact(x, np.ones(x.size))
    spent = []
    for eps in (None, EPS[np.float32]):
        counted = Counted(lambda w: function(w) / 3)
        product = Differences(counted, eps=eps)(x)
        error = np.linalg.norm(3 * product(v) - expected)
        assert error < 3 * 4 * product.uncertainty * np.linalg.norm(v)
        assert error < 1e-3 * np.linalg.norm(expected)
        spent.append(counted.num_calls)
    assert spent[1] < spent[0]


def test_nearer_than_numbers_tell_places_apart_there_is_no_difference():
    steps = Counted(lambda w: np.floor(1e6 * w) / 1e6)
    product, v = Differences(steps)(np.array([0.3000003, -0.7000001])), np.ones(2)
    for _ in range(2):
        assert np.linalg.norm(product(v) - v) < 4 * product.uncertainty * np.linalg.norm(v) < 0.1
        assert not product.shorten_along(v, np.inf) or product(v).all()
