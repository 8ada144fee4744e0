import numpy as np
import pytest

from gradflow.numerics.krylov import arnoldi, fastest_decay, gmres, orthogonalize, spectral_radius


def matrix(n, seed=0):
    return np.eye(n) + 0.5 * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def counted(a):
    calls = []

    def product(v):
        calls.append(1)
        return a @ v

    return product, calls


@pytest.mark.parametrize("n", [1, 2, 30])
def test_gmres_solves_any_regular_system_within_its_size(n):
    a, rhs = matrix(n), np.arange(1.0, n + 1)
    solution = gmres(lambda v: a @ v, rhs, 1e-10, np.empty((n + 1, n)))
    np.testing.assert_allclose(solution.x, np.linalg.solve(a, rhs), atol=1e-9)
    assert solution.num_products <= n


@pytest.mark.parametrize("tolerance", [1e-1, 1e-4, 1e-8])
def test_gmres_stops_at_an_absolute_tolerance_and_states_its_true_residual(tolerance):
    a, rhs = matrix(200), np.ones(200)
    for size in (1.0, 100.0):
        solution = gmres(lambda v: a @ v, size * rhs, tolerance, np.empty((60, 200)))
        residual = np.linalg.norm(size * rhs - a @ solution.x)
        assert residual <= tolerance
        assert residual == pytest.approx(solution.residual, rel=1e-3)


def test_gmres_takes_no_product_more_than_the_least_residual_needs():
    a, rhs = matrix(100), np.ones(100)
    solution = gmres(lambda v: a @ v, rhs, 1e-6, np.empty((100, 100)))
    powers = np.array([np.linalg.matrix_power(a, k) @ rhs for k in range(solution.num_products)]).T
    images = np.linalg.qr(a @ powers)[0]
    least = [
        np.linalg.norm(rhs - images[:, :k] @ (images[:, :k].T @ rhs)) for k in range(1, images.shape[1] + 1)
    ]
    assert least[-1] <= 1e-6 < least[-2]


@pytest.mark.parametrize("max_cycles", [1, 3])
def test_gmres_returns_the_hessenberg_matrix_of_what_is_in_the_basis(max_cycles):
    a, basis = matrix(100), np.empty((7, 100))
    hessenberg = gmres(lambda v: a @ v, np.ones(100), 1e-8, basis, max_cycles).hessenberg
    rows = basis[: len(hessenberg)]
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-12)
    np.testing.assert_allclose(a @ rows[:-1].T, rows.T @ hessenberg, atol=1e-12)


def test_gmres_restarts_without_products():
    a, rhs = matrix(100), np.ones(100)
    product, calls = counted(a)
    solution = gmres(product, rhs, 1e-8, np.empty((6, 100)), max_cycles=50)
    assert np.linalg.norm(rhs - a @ solution.x) <= 1e-8
    assert len(calls) == solution.num_products
    assert solution.num_products > 5


def test_gmres_says_when_it_did_not_get_there():
    a = matrix(100)
    solution = gmres(lambda v: a @ v, np.ones(100), 1e-8, np.empty((4, 100)), max_cycles=1)
    assert solution.residual > 1e-8
    assert solution.num_products == 3


def test_gmres_spends_nothing_where_zero_is_good_enough():
    product, calls = counted(np.eye(3))
    solution = gmres(product, np.full(3, 1e-3), 1.0, np.empty((3, 3)))
    np.testing.assert_array_equal(solution.x, 0)
    assert not calls


def test_gmres_finds_the_solution_in_an_invariant_subspace():
    a = np.diag([1.0, 2.0, 3.0, 4.0])
    solution = gmres(lambda v: a @ v, np.array([1.0, 1.0, 0.0, 0.0]), 1e-13, np.empty((5, 4)))
    np.testing.assert_allclose(solution.x, [1, 0.5, 0, 0], atol=1e-14)
    assert solution.num_products == 2


def test_gmres_leaves_a_nan_visible():
    assert np.isnan(gmres(lambda v: np.nan * v, np.ones(3), 1e-3, np.empty((3, 3))).residual)


def test_orthogonalize_is_orthogonal_even_to_a_nearly_parallel_vector():
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 4)))[0].T.copy()
    vector = basis.sum(axis=0) + 1e-10 * np.random.default_rng(1).standard_normal(50)
    given = vector.copy()
    coefficients = orthogonalize(vector, basis)
    assert np.abs(basis @ vector).max() < 1e-14
    assert np.linalg.norm(vector) == pytest.approx(1.0)
    np.testing.assert_allclose(coefficients[:-1] @ basis + coefficients[-1] * vector, given, atol=1e-15)


def test_orthogonalize_makes_a_vector_of_the_span_zero():
    basis = np.eye(3)[:2]
    vector = np.array([1.0, 2.0, 0.0])
    np.testing.assert_array_equal(orthogonalize(vector, basis), [1, 2, 0])
    np.testing.assert_array_equal(vector, 0)


@pytest.mark.parametrize("top", [7.0, -7.0])
def test_the_spectral_radius_is_the_largest_absolute_eigenvalue(top):
    values = np.append(np.linspace(-3.0, 3.0, 99), top)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((100, 100)))[0]
    a = rotation * values @ rotation.T
    radius, vector = spectral_radius(lambda v: a @ v, np.ones(100), np.empty((7, 100)), 1e-6)
    assert 7.0 * (1 - 1e-5) < radius <= 7.0 * (1 + 1e-12)
    assert np.linalg.norm(a @ vector - top * vector) < 0.1


def test_the_spectral_radius_of_a_rotation_is_its_frequency():
    a = np.kron(np.eye(3), [[0.0, 5.0], [-5.0, 0.0]])
    assert spectral_radius(lambda v: a @ v, np.ones(6), np.empty((7, 6)))[0] == pytest.approx(5.0)


def test_a_vector_from_nearby_makes_the_search_short():
    values = np.append(np.linspace(0.0, 5.0, 199), 7.0)
    product, calls = counted(np.diag(values))
    basis = np.empty((7, 200))
    vector = spectral_radius(product, np.ones(200), basis)[1]
    cold = len(calls)
    calls.clear()
    radius = spectral_radius(product, vector, basis)[0]
    assert radius == pytest.approx(7.0, rel=0.02)
    assert len(calls) == 2 < cold


def test_the_spectral_radius_of_zero_is_zero_and_of_nan_is_nan():
    assert spectral_radius(lambda v: 0 * v, np.ones(3), np.empty((4, 3)))[0] == 0
    assert np.isnan(spectral_radius(lambda v: np.nan * v, np.ones(3), np.empty((4, 3)))[0])


def begun(n, num_rows, known=None):
    """A workspace whose first free row is a unit start outside the known ones."""
    basis = np.empty((num_rows, n))
    count = 0 if known is None else len(known)
    basis[:count] = known if count else 0.0
    basis[count] = np.ones(n)
    orthogonalize(basis[count], basis[:count])
    return basis


def test_arnoldi_states_the_images_of_its_rows():
    a, basis = matrix(30), begun(30, 9)
    sizes = []
    for hessenberg in arnoldi(lambda v: a @ v, basis):
        k = hessenberg.shape[1]
        sizes.append(k)
        np.testing.assert_allclose(basis[:k] @ a.T, hessenberg.T @ basis[: k + 1], atol=1e-13)
    assert sizes == list(range(1, 9))
    # Each row may lose a digit to the ones before it, until it is orthogonalized twice.
    np.testing.assert_allclose(basis @ basis.T, np.eye(9), atol=1e-12)


def test_arnoldi_stays_outside_what_is_known():
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((40, 40)))[0].T
    values = np.r_[100.0, 90.0, 80.0, np.linspace(0, 5, 37)]
    a = (q.T * values) @ q
    basis = begun(40, 3 + 38, known=q[:3])
    *_, hessenberg = arnoldi(lambda v: a @ v, basis, 3)
    size = hessenberg.shape[1]
    assert np.abs(basis[3 : 3 + size] @ q[:3].T).max() < 1e-13
    assert np.linalg.eigvals(hessenberg[:size]).real.max() == pytest.approx(5.0, rel=1e-9)


def test_arnoldi_ends_where_the_space_is_complete():
    product, calls = counted(np.diag([1.0, 1.0, 2.0, 2.0, 3.0]))
    *_, hessenberg = arnoldi(product, begun(5, 6))
    assert len(calls) == 3
    assert hessenberg[-1, -1] == 0.0
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(hessenberg[:-1]).real), [1, 2, 3], rtol=1e-9)


def test_the_fastest_decay_is_the_least_eigenvalue_whatever_grows_faster():
    values = np.r_[1000.0, -300.0, np.linspace(-50, 10, 98)]
    product, calls = counted(np.diag(values))
    start = np.random.default_rng(0).standard_normal(100)
    rate, vector = fastest_decay(product, start)
    assert len(calls) == 10
    assert 295 < rate <= 300 * (1 + 1e-12)
    again, _ = fastest_decay(product, vector, 3)
    assert again == pytest.approx(300.0, rel=1e-3)


def test_nothing_decays_in_what_grows_and_a_spiral_decays_by_its_real_part():
    assert fastest_decay(lambda v: 2 * v, np.ones(3))[0] == 0.0
    assert fastest_decay(lambda v: 0 * v, np.ones(3))[0] == 0.0
    spiral = np.array([[-1.0, 50.0], [-50.0, -1.0]])
    assert fastest_decay(lambda v: spiral @ v, np.array([1.0, 0.0]))[0] == pytest.approx(1.0)
    assert np.isnan(fastest_decay(lambda v: np.nan * v, np.ones(3))[0])
