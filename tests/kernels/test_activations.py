"""Every activation, by numpy, by the table and compiled, against 40 decimals."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from gradflow import kernels
from gradflow.kernels import compiled, plain, tables
from gradflow.kernels.activations import ACTIVATIONS

pytest.importorskip("mpmath")
EXACT = runpy.run_path(str(Path(__file__).with_name("exact.py")))
mp, ulps = EXACT["mp"], EXACT["ulps"]
BOTH = [np.float64, np.float32]


@pytest.fixture(params=["numpy", "numba"])
def kernel(request, monkeypatch):
    """Runs a test with either kind of kernels, on small arrays too."""
    if request.param == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "LEAST_ENTRIES", 1)
    kernels.use(request.param)
    yield request.param
    kernels.use("auto")


def value(name, x):
    out = np.empty_like(x)
    ACTIVATIONS[name].value(x.copy(), out)
    return out


def slope(name, x):
    activation, y, out = ACTIVATIONS[name], value(name, x), np.empty_like(x)
    activation.slope(x, y, out)
    return out


def relative_errors(found, exact, least):
    """Return |found - exact| over the exact values, or over `least` where these are smaller."""
    pairs = zip(found, exact, strict=True)
    return [float(abs(mp.mpf(float(f)) - e) / max(abs(e), mp.mpf(least))) for f, e in pairs]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("kernel", ["numba"], indirect=True)
def test_compiled_values_are_within_two_units_in_the_last_place(name, kernel):
    for dtype in BOTH:
        x = EXACT["points"](dtype)
        found = ulps(value(name, x), [EXACT["VALUES"][name](mp.mpf(float(each))) for each in x])
        assert found.max() <= 2.0, (dtype, x[found.argmax()])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_within_1e_15_of_themselves(name, kernel):
    x = EXACT["points"](np.float64)
    exact = [EXACT["VALUES"][name](mp.mpf(float(each))) for each in x]
    found = value(name, x)
    errors = relative_errors(found, exact, least="1e-290")
    assert max(errors) <= 1e-15, x[np.argmax(errors)]


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_limits_and_missing_values(name, dtype, kernel):
    x = np.array([0.0, -np.inf, np.inf, np.nan, -0.0], dtype=dtype)
    with np.errstate(invalid="ignore"):
        found = value(name, x)
    np.testing.assert_allclose(found[:3], np.array(EXACT["LIMITS"][name], dtype), rtol=1e-6, atol=1e-35)
    assert np.isnan(found[3])
    assert found[4] == found[0]


@pytest.mark.parametrize("name", ["tanh", "identity", "relu", "swish", "gelu", "softplus", "sigmoid"])
def test_the_smallest_numbers_are_told_from_0(name, kernel):
    tiny = 2.0**-1060
    at_0 = {"tanh": 1.0, "identity": 1.0, "relu": 1.0, "swish": 0.5, "gelu": 0.5}
    if name in at_0:
        assert value(name, np.array([tiny])) == at_0[name] * tiny
    else:
        assert value(name, np.array([tiny])) == value(name, np.array([0.0]))


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", EXACT["SLOPES"])
def test_slopes_are_those_of_the_exact_function(name, dtype, kernel):
    x = EXACT["points"](dtype)
    x = x[np.abs(x) < 80]
    exact = np.array([float(EXACT["SLOPES"][name](mp.mpf(float(each)))) for each in x])
    np.testing.assert_allclose(slope(name, x), exact, rtol=0, atol=6 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", EXACT["SLOPES"])
def test_slopes_have_their_limits(name, dtype, kernel):
    far = np.array([-1e4, 1e4, np.nan], dtype=dtype)
    ends = [0.0, 0.0] if name in ("tanh", "sigmoid") else [0.0, 1.0]
    found = slope(name, far)
    np.testing.assert_allclose(found[:2], ends, rtol=0, atol=1e-30)
    assert np.isnan(found[2])


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", EXACT["SLOPES"])
def test_the_chain_is_delta_times_slope_to_the_last_bit(name, dtype, kernel):
    rng = np.random.default_rng(1)
    x, delta = (rng.normal(size=(7, 41)).astype(dtype) for _ in range(2))
    activation, y = ACTIVATIONS[name], value(name, x)
    expected = delta * slope(name, x)
    activation.slope.multiply(x, y, delta, scratch=np.empty_like(x))
    np.testing.assert_array_equal(delta, expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_strided_arrays_and_values_over_their_arguments(name, kernel):
    x = np.random.default_rng(2).normal(size=(6, 8))
    expected = value(name, x)
    strided = np.empty((6, 16))[:, ::2]
    ACTIVATIONS[name].value(np.asfortranarray(x), strided)
    np.testing.assert_allclose(strided, expected, rtol=1e-15)
    if ACTIVATIONS[name].from_value:
        over = x.copy()
        ACTIVATIONS[name].value(over, over)
        np.testing.assert_array_equal(over, expected)


@pytest.mark.parametrize("size", [1, tables._CHUNK - 1, tables._CHUNK, 2 * tables._CHUNK + 3])
def test_the_table_of_tanh_is_within_1e_15_in_every_chunk(size):
    x = np.resize(EXACT["points"](np.float64), size)
    exact = [EXACT["VALUES"]["tanh"](mp.mpf(float(each))) for each in x[:2000]]
    out = np.empty(size)
    tables.from_table(x, out)
    errors = relative_errors(out[: len(exact)], exact, least="1e-320")
    assert max(errors) <= 1e-15
    np.testing.assert_allclose(out, np.tanh(x), rtol=1e-15)


def test_the_table_knows_limits_and_missing_values():
    x = np.array([np.inf, -np.inf, 1e300, -1e300, np.nan, 5e-324])
    out = np.empty_like(x)
    tables.from_table(x, out)
    np.testing.assert_array_equal(out, [1.0, -1.0, 1.0, -1.0, np.nan, 5e-324])


def test_tanh_takes_the_table_only_for_large_arrays_where_numpy_is_slow(monkeypatch):
    calls = []
    monkeypatch.setattr(tables, "from_table", lambda x, out: calls.append(x.size))
    for slow in (True, False):
        monkeypatch.setattr(tables, "avx512", lambda ufunc, slow=slow: not slow)
        for size in (tables._LEAST - 1, tables._LEAST):
            tables.tanh(np.zeros(size), np.empty(size))
    tables.tanh(np.zeros(tables._LEAST, np.float32), np.empty(tables._LEAST, np.float32))
    assert calls == [tables._LEAST]


def test_far_tails_of_gelu_are_those_of_ndtr_where_both_are_good():
    x = np.linspace(-2.0, -1.0, 11)
    np.testing.assert_allclose(plain._far_tail(x), plain.ndtr(x), rtol=1e-14)
