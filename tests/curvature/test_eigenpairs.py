import re
import warnings

import numpy as np
import pytest

from gradflow.curvature import dense_hessian, hessian_operator, search, sharpness, top_eigenpairs
from gradflow.errors import Undefined
from gradflow.problems import Quadratic, from_callables

N = 120  # large enough for the Krylov search at small k


class FromMatrix:
    """A problem that is nothing but its Hessian, and counts its products."""

    num_weights = None

    def __init__(self, hessian, noise=0.0):
        self.hessian = np.asarray(hessian)
        self.noise = noise
        self.products = 0
        self.passes = 0
        self.rng = np.random.default_rng(5)

    def loss(self, w):
        return 0.0

    def gradient(self, w):
        return np.zeros_like(w)

    def loss_and_gradient(self, w):
        return 0.0, np.zeros_like(w)

    def hvp(self, w, v):
        return self.product(v)

    def linearize(self, w):
        self.passes += 1
        return 0.0, np.zeros_like(w), self.product

    def product(self, v):
        self.products += 1 if v.ndim == 1 else v.shape[1]
        exact = self.hessian @ v
        return exact + self.noise * np.abs(exact).max() * self.rng.standard_normal(v.shape)


def rotated(values, seed=0):
    """A symmetric matrix with these eigenvalues in a random basis."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    matrix = (basis * np.asarray(values)) @ basis.T
    return 0.5 * (matrix + matrix.T)


SPECTRA = {
    "random": np.random.default_rng(1).standard_normal(N),
    "outliers": np.r_[10.0, 8.0, 5.0, np.linspace(0, 0.1, N - 3)],
    "four equal": np.r_[[5.0] * 4, np.linspace(0, 1, N - 4)],
    "tight cluster": np.r_[5, 5 - 1e-8, 5 - 2e-8, 5 - 1e-4, np.linspace(0, 1, N - 4)],
    "two values": np.where(np.arange(N) % 2, 1.0, -1.0),
    "identity": np.ones(N),
    "minus identity": -np.ones(N),
    "rank one": np.r_[1.0, np.zeros(N - 1)],
    "minus rank one": np.r_[-1.0, np.zeros(N - 1)],
    "negative definite": -np.linspace(1, 50, N),
    "negative semidefinite": np.r_[np.zeros(30), -np.linspace(1, 50, N - 30)],
    "small positive beside large negative": np.r_[1e-3, 5e-4, -np.linspace(1, 50, N - 2)],
    "tiny": 1e-30 * np.random.default_rng(2).standard_normal(N),
    "zero": np.zeros(N),
}


@pytest.mark.parametrize("basis", ["rotated", "diagonal"])
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("k", [1, 2, 4, 12])
def test_the_top_pairs_agree_with_a_dense_decomposition(name, k, basis):
    values = SPECTRA[name]
    hessian = rotated(values) if basis == "rotated" else np.diag(values)
    size = max(np.abs(values).max(), np.finfo(float).tiny)
    found, vectors = top_eigenpairs(FromMatrix(hessian), np.zeros(N), k)
    assert found.shape == (k,)
    assert vectors.shape == (N, k)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(hessian)[::-1][:k], rtol=0, atol=1e-6 * size)
    assert np.linalg.norm(hessian @ vectors - vectors * found, axis=0).max() <= 1e-6 * size
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), rtol=0, atol=1e-12)
    assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize("k", [1, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_every_number_of_pairs_of_a_small_hessian(k, seed):
    hessian = rotated(np.random.default_rng(seed).standard_normal(4), seed)
    values, vectors = top_eigenpairs(Quadratic(hessian), np.ones(4), k)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(hessian)[::-1][:k], rtol=0, atol=1e-14)
    np.testing.assert_allclose(hessian @ vectors, vectors * values, rtol=0, atol=1e-14)


def test_all_pairs_of_a_large_hessian():
    values, vectors = top_eigenpairs(FromMatrix(rotated(SPECTRA["random"])), np.zeros(N), N)
    np.testing.assert_allclose(values, np.sort(SPECTRA["random"])[::-1], rtol=0, atol=1e-13)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(N), rtol=0, atol=1e-12)


def test_a_single_weight():
    assert sharpness(Quadratic(-3.0), [1.0]) == -3.0
    values, vectors = top_eigenpairs(Quadratic(-3.0), [1.0], 1)
    assert values.tolist() == [-3.0]
    assert np.abs(vectors).tolist() == [[1.0]]


def test_the_sharpness_is_the_largest_eigenvalue_not_the_largest_in_size():
    assert sharpness(Quadratic([-9.0, 2.0]), [0.0, 0.0]) == 2.0
    assert sharpness(FromMatrix(np.diag(np.r_[2.0, -9.0 * np.ones(N - 1)])), np.zeros(N)) == pytest.approx(
        2.0
    )


def test_equal_calls_give_equal_answers():
    hessian = rotated(SPECTRA["four equal"])
    first, second = (top_eigenpairs(FromMatrix(hessian), np.zeros(N), 3) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_an_isolated_top_eigenvalue_costs_few_products_and_one_pass():
    problem = FromMatrix(rotated(SPECTRA["outliers"]))
    assert sharpness(problem, np.zeros(N)) == pytest.approx(10.0, rel=1e-10)
    assert problem.passes == 1
    assert problem.products <= 20


def test_the_cost_does_not_depend_on_the_unit_of_the_loss():
    hessian = rotated(SPECTRA["random"])
    costs = []
    for unit in (1.0, 2.0**-100, 2.0**100):
        problem = FromMatrix(unit * hessian)
        assert sharpness(problem, np.zeros(N)) == pytest.approx(unit * SPECTRA["random"].max(), rel=1e-9)
        costs.append(problem.products)
    assert costs[0] == costs[1] == costs[2] < N


def test_the_dense_hessian_is_symmetric_even_where_products_carry_noise():
    hessian = dense_hessian(FromMatrix(rotated([1.0, 2.0, 3.0]), noise=1e-6), np.zeros(3))
    np.testing.assert_array_equal(hessian, hessian.T)


def test_a_larger_hessian_than_fits_one_block_is_assembled_exactly():
    hessian = rotated(np.random.default_rng(3).standard_normal(300))
    problem = FromMatrix(hessian)
    np.testing.assert_array_equal(dense_hessian(problem, np.zeros(300)), hessian)
    assert problem.products == 300


def test_the_operator_multiplies_one_and_many_vectors():
    hessian = rotated([3.0, -1.0, 2.0])
    operator = hessian_operator(Quadratic(hessian), np.zeros(3))
    block = np.random.default_rng(0).standard_normal((3, 2))
    np.testing.assert_allclose(operator @ block, hessian @ block, rtol=1e-14)
    np.testing.assert_allclose(operator @ block[:, 0], hessian @ block[:, 0], rtol=1e-14)
    np.testing.assert_allclose(operator.T @ block[:, 0], hessian @ block[:, 0], rtol=1e-14)


@pytest.mark.parametrize("n", [6, N])
@pytest.mark.parametrize("kind", ["number", "vector", "matrix"])
def test_a_preconditioner_gives_the_top_eigenvalue_of_its_product_with_the_hessian(n, kind):
    rng = np.random.default_rng(7)
    hessian = rotated(rng.standard_normal(n))
    vector = rng.uniform(0.1, 10.0, n)
    metric, matrix = {
        "number": (0.3, 0.3 * np.eye(n)),
        "vector": (vector, np.diag(vector)),
        "matrix": (rotated(vector, seed=8), rotated(vector, seed=8)),
    }[kind]
    expected = np.linalg.eigvals(matrix @ hessian).real.max()
    assert sharpness(FromMatrix(hessian), np.zeros(n), preconditioner=metric) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("noise", [1e-4, 1e-7])
def test_noise_of_whatever_cause_is_measured_and_told_with_the_number_that_can_be_had(
    noise, size, monkeypatch
):
    monkeypatch.setattr(search, "_DENSE_RESCUE", N - 1)
    hessian, right = size * rotated(SPECTRA["random"]), size * SPECTRA["random"].max()
    problem = FromMatrix(hessian, noise)
    with pytest.warns(RuntimeWarning, match="vouched for to .* not to tol 1e-11: ask for a `tol`") as caught:
        value = sharpness(problem, np.zeros(N), tol=1e-11)
    assert problem.products < 500
    told = float(re.search("to ([0-9.e-]+) of its size", str(caught[0].message))[1])
    # The noise of an entry is a share of the largest one, that of a product the root of N times it.
    assert noise < told < 40 * noise
    assert abs(value - right) < told * right
    # And the number holds: who asks for it is not warned.
    assert abs(sharpness(FromMatrix(hessian, noise), np.zeros(N), tol=2 * told) - right) < 2 * told * right


# Eigenvalues crowd at the top as those of a string do.
CROWDED = np.diag(np.cos(np.linspace(0, np.pi, 500)))


def test_a_search_that_ends_too_soon_says_how_far_it_came(monkeypatch):
    monkeypatch.setattr(search, "_DENSE_RESCUE", 400)
    monkeypatch.setattr(search, "_RESTARTS", (1, 2))
    with pytest.raises(RuntimeError, match="not found to tol 1e-09, but to ") as caught:
        sharpness(FromMatrix(CROWDED), np.zeros(500), tol=1e-9)
    told = float(re.search("but to ([0-9.e-]+)", str(caught.value))[1])
    assert sharpness(FromMatrix(CROWDED), np.zeros(500), tol=told) == pytest.approx(1.0, rel=told)


def test_a_search_that_fails_costs_the_whole_hessian_where_that_is_affordable(monkeypatch):
    monkeypatch.setattr(search, "_RESTARTS", (1, 2))
    problem = FromMatrix(CROWDED)
    assert sharpness(problem, np.zeros(500), tol=1e-9) == pytest.approx(1.0, rel=1e-12)
    assert 500 < problem.products < 700


@pytest.mark.parametrize("precision", [np.float32, np.float16])
def test_exact_products_in_coarse_numbers_are_vouched_for_to_what_these_carry(precision):
    hessian = rotated(SPECTRA["random"])
    coarse = hessian.astype(precision)

    def hvp(w, v):
        calls.append(1)
        return (coarse @ v.astype(precision)).astype(float)

    problem = from_callables(
        lambda w: 0.0, lambda w: 0 * w, N, hvp=hvp, gradient_precision=np.finfo(precision).eps
    )
    told, right = {np.float32: (1e-6, 1e-6), np.float16: (8e-3, 4e-3)}[precision]
    for tol in (1e-9, told):
        calls = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = sharpness(problem, np.zeros(N), tol)
        assert value == pytest.approx(SPECTRA["random"].max(), rel=right)
        assert len(calls) < 60
        assert len(caught) == (tol < told)


def test_float32_products_are_known_by_their_numbers():
    hessian = rotated(SPECTRA["random"]).astype(np.float32)
    problem = FromMatrix(hessian)
    problem.product = lambda v: (hessian @ v.astype(np.float32)).astype(float)
    with pytest.warns(RuntimeWarning, match="not to tol 1e-09"):
        value = sharpness(problem, np.zeros(N), tol=1e-9)
    assert value == pytest.approx(SPECTRA["random"].max(), rel=1e-6)
    assert sharpness(problem, np.zeros(N)) == pytest.approx(SPECTRA["random"].max(), rel=1e-6)


@pytest.mark.parametrize("n", [3, N])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_product_that_is_not_finite_is_undefined(n, bad):
    hessian = np.eye(n)
    hessian[0, 0] = bad
    with pytest.raises(Undefined, match="NaN or infinite"), np.errstate(invalid="ignore"):
        sharpness(FromMatrix(hessian), np.zeros(n))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0.0, 0.0, 0.0], 4), "`k` must be at most the number of weights, 3, got 4"),
        (([0.0, 0.0, 0.0], 0), "`k` must be a whole number"),
        (([0.0, 0.0, 0.0], 1.5), "`k` must be a whole number"),
        (([0.0, 0.0, 0.0], 1, 0.0), "`tol` must be a positive number"),
        (([0.0, np.nan, 0.0], 1), "`w` must be finite"),
        (([0.0, 0.0], 1), "`w` must have 3 weights"),
    ],
)
def test_bad_arguments_are_named(arguments, match):
    with pytest.raises(ValueError, match=match):
        top_eigenpairs(Quadratic([1.0, 2.0, 3.0]), *arguments)


@pytest.mark.parametrize("preconditioner", [0.0, [1.0, -1.0], [1.0, 1.0, 1.0], np.eye(3), -np.eye(2)])
def test_a_preconditioner_must_be_positive_and_fit(preconditioner):
    with pytest.raises(ValueError, match="`preconditioner` must"):
        sharpness(Quadratic([1.0, 2.0]), [0.0, 0.0], preconditioner=preconditioner)


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
def test_eigenvalues_of_any_size_are_found(size):
    problem = Quadratic(np.arange(1.0, 101.0) * size)
    values = top_eigenpairs(problem, np.zeros(100), 3)[0]
    np.testing.assert_allclose(values / size, [100.0, 99.0, 98.0], rtol=1e-9)
