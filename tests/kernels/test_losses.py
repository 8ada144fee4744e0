"""The losses on outputs, with either kind of kernels, against scipy and closed forms."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from gradflow import kernels
from gradflow.kernels import compiled, losses

RNG = np.random.default_rng(0)
Y, LABELS = 3 * RNG.normal(size=(4, 50)), RNG.integers(0, 4, size=50)
TARGETS = np.ascontiguousarray(np.eye(4)[LABELS].T)


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def kernel(request, monkeypatch):
    if request.param == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "LEAST_ENTRIES", 1)
    kernels.use(request.param)
    yield
    kernels.use("auto")


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-5)])
def test_squares_and_their_residual(dtype, tolerance):
    y, targets = Y.astype(dtype), TARGETS.astype(dtype)
    out = np.empty_like(y)
    total = losses.squared(y, targets, out)
    assert total == pytest.approx(((Y - TARGETS) ** 2).sum(), rel=tolerance)
    np.testing.assert_allclose(out, (Y - TARGETS) / 50, rtol=20 * tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-5)])
def test_cross_entropy_and_its_residual(dtype, tolerance):
    y, targets = Y.astype(dtype), TARGETS.astype(dtype)
    out = np.empty_like(y)
    total = losses.cross_entropy(y, targets, out)
    assert total == pytest.approx(-(TARGETS * log_softmax(Y, axis=0)).sum(), rel=tolerance)
    np.testing.assert_allclose(out, (softmax(Y, axis=0) - TARGETS) / 50, rtol=0, atol=tolerance)


def test_outputs_however_large_overflow_nowhere():
    y = np.array([[1e300, 0.0, -800.0], [0.0, 800.0, -800.0]])
    targets = np.array([[1.0, 1.0, 0.5], [0.0, 0.0, 0.5]])
    out = np.empty_like(y)
    total = losses.cross_entropy(y, targets, out)
    assert total == pytest.approx(800.0 + np.log(2.0), rel=1e-15)
    np.testing.assert_allclose(out, np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]]) / 3, rtol=1e-15)


@pytest.mark.parametrize("row", [0, 1])
def test_a_missing_output_is_missing_in_its_sample_and_in_the_loss(row):
    y, out = Y.copy(), np.empty_like(Y)
    y[row, 7] = np.nan
    assert np.isnan(losses.cross_entropy(y, TARGETS, out))
    assert np.isnan(out[:, 7]).all()
    assert np.isfinite(np.delete(out, 7, axis=1)).all()
    assert np.isnan(losses.squared(y, TARGETS, out))


def test_strided_targets_are_taken_too():
    out = np.empty_like(Y)
    expected = losses.cross_entropy(Y, TARGETS, out)
    assert losses.cross_entropy(Y, np.asfortranarray(TARGETS), out) == pytest.approx(expected, rel=1e-14)
