from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import eigh

from gradflow import descend
from gradflow.curvature import SharpnessTracker, dense_hessian, search, sharpness, top_eigenpairs
from gradflow.datasets import chebyshev
from gradflow.errors import Undefined
from gradflow.problems import Catapult, DoubleWell, FeedForward, Quadratic
from gradflow.problems.completed import as_problem
from gradflow.simulate.place import Place

N = 80

# A value past the edge, where the path depends on the processor's rounding: 2.49 to 2.54 were seen.
PRODUCTS = 2.6


class Path:
    """A problem whose Hessian is a function of the first weight alone: the place along a path."""

    num_weights = N

    def __init__(self, hessian_at):
        self.hessian_at = hessian_at

    def loss_and_gradient(self, w):
        return 0.0, np.zeros(N)

    def linearize(self, w):
        hessian = self.hessian_at(w[0])
        return 0.0, np.zeros(N), lambda v: hessian @ v

    def along(self, tracker, places):
        return np.array([tracker(s, np.full(N, s)) for s in places])

    def exact(self, places, k=1):
        return np.array([np.linalg.eigvalsh(self.hessian_at(s))[::-1][:k] for s in places])


def turning(s, values):
    """A symmetric matrix with these eigenvalues whose eigenvectors turn in random planes with s."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((N, N)))[0]
    spin = rng.standard_normal((N, N))
    basis = basis @ np.linalg.qr(np.eye(N) + 0.05 * s * (spin - spin.T))[0]
    return (basis * values) @ basis.T


BULK = np.linspace(-0.5, 1.0, N - 4)


def smooth(s):
    return turning(s, np.r_[5 + s, 4.0, 3.0, 2.0, BULK])


def crossing(s):
    """Two top eigenvalues that pass through each other while their eigenvectors stay."""
    return np.diag(np.r_[5.0 - s, 4.0 + s, 3.0, 2.0, BULK])


@pytest.fixture(scope="module")
def edge():
    """Weights of the 1-30-20-1 network on T_6 at learning rate 0.2, from its crossing of 2/eta on."""
    problem = FeedForward(*chebyshev(6), (30, 20))
    run = descend(problem, problem.initial_weights(0), 0.2, 2409)
    return problem, run.weights


def dense_values(problem, weights):
    """The largest eigenvalue at each of these weights, from the whole matrix."""
    top = problem.num_weights - 1
    return np.array(
        [eigh(dense_hessian(problem, w), eigvals_only=True, subset_by_index=[top, top])[0] for w in weights]
    )


def test_on_a_smooth_path_every_value_is_certified_and_costs_little_more_than_one_product():
    path, places = Path(smooth), np.linspace(0, 1, 400)
    tracker = SharpnessTracker(path)
    values = path.along(tracker, places)
    np.testing.assert_allclose(values, path.exact(places)[:, 0], rtol=1e-7)
    assert tracker.num_fallbacks == tracker.num_surprises == 0
    assert tracker.residual <= 2e-4
    assert tracker.num_products <= 1.6 * len(places) + N


def test_products_are_counted():
    path, places = Path(smooth), np.linspace(0, 1, 60)
    counted = 0
    hessian_at = path.hessian_at

    def linearize(w):
        def product(v):
            nonlocal counted
            counted += v.size // N
            return hessian_at(w[0]) @ v

        return 0.0, np.zeros(N), product

    path.linearize = linearize
    tracker = SharpnessTracker(path)
    path.along(tracker, places)
    assert tracker.num_products == counted
    assert tracker.num_calls == len(places)


@pytest.mark.parametrize("pace", [1.0, 3.0])
def test_a_2_cycle_between_two_top_eigenvectors_is_followed(pace):
    """Each step ends where the other of two eigenvalues is the largest."""
    path = Path(lambda s: turning(s, np.r_[5.0 - s, 4.6 + s, 3.0, 2.0, BULK]))
    places = 0.2 + np.linspace(0, 0.01 * pace, 150) + 0.1 * (-1.0) ** np.arange(150)
    tracker = SharpnessTracker(path)
    np.testing.assert_allclose(path.along(tracker, places), path.exact(places)[:, 0], rtol=1e-6)
    assert tracker.num_fallbacks <= 5


def test_a_block_of_values_is_tracked_together():
    path, places = Path(smooth), np.linspace(0, 1, 100)
    tracker = SharpnessTracker(path, k=3)
    np.testing.assert_allclose(path.along(tracker, places), path.exact(places, 3), rtol=1e-6)
    assert tracker.vectors.shape == (N, 3)
    assert tracker.num_fallbacks <= 1


@pytest.mark.parametrize("k", [1, 2])
def test_an_eigenvalue_that_overtakes_without_touching_is_noticed(k):
    path, places = Path(crossing), np.linspace(0, 1, 100)
    values = path.along(SharpnessTracker(path, k=k), places).reshape(100, k)
    np.testing.assert_allclose(values, path.exact(places, k), rtol=1e-6)


def test_an_eigenvalue_from_the_bulk_that_overtakes_is_found_by_the_next_cold_search():
    def rising(s):
        return np.diag(np.r_[5.0, 3.0, np.linspace(0, 1, N - 3), 8.0 * s])

    path, places = Path(rising), np.linspace(0, 1, 400)
    tracker = SharpnessTracker(path, check_every=20)
    late = np.flatnonzero(np.abs(path.along(tracker, places) / path.exact(places)[:, 0] - 1) > 1e-9)
    assert len(late) <= 20
    assert (np.diff(late) == 1).all()


def test_a_jump_is_followed():
    path = Path(lambda s: turning(30 * s, np.r_[5.0, 4.0, 3.0, 2.0, BULK]))
    tracker = SharpnessTracker(path)
    np.testing.assert_allclose(path.along(tracker, [0.0, 0.01, 0.5, 2.0]), 5.0, rtol=1e-6)


def test_where_no_residual_certifies_a_value_a_cold_search_takes_over():
    def jumping(s):
        basis = np.linalg.qr(np.random.default_rng(int(s)).standard_normal((N, N)))[0]
        return (basis * np.linspace(1, 2, N)) @ basis.T

    path, places = Path(jumping), np.arange(5.0)
    tracker = SharpnessTracker(path)
    np.testing.assert_allclose(path.along(tracker, places), 2.0, rtol=1e-6)
    assert tracker.num_fallbacks == 4


def test_random_values_on_random_turns_are_found_but_for_a_few_that_overtake_unseen():
    """Four eigenvalues that oscillate at rates of their own, many crossings, in each of six families."""
    wrong = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rates, phases, sizes = rng.uniform(4, 20, 4), rng.uniform(0, 6.3, 4), rng.uniform(0.3, 1, 4)
        path = Path(lambda s: turning(s, np.r_[4 + sizes * np.sin(rates * s + phases), BULK]))  # noqa: B023
        places = np.linspace(0, 1, 500)
        tracker = SharpnessTracker(path)
        error = np.abs(path.along(tracker, places) / path.exact(places)[:, 0] - 1)
        wrong += int((error > 1e-6).sum())
        assert tracker.num_products < 3 * len(places)
    assert wrong <= 30


def test_the_tracker_is_right_through_the_avoided_crossing_at_the_edge_of_stability(edge):
    problem, weights = edge
    tracker = SharpnessTracker(problem)
    values = np.array([tracker(step, weights[step]) for step in range(1409, 2410)])
    checked = np.r_[0:1001:40, 280:320:4, 510:540:3]
    error = np.abs(values[checked] / dense_values(problem, weights[1409 + checked]) - 1)
    assert np.median(error) < 1e-9
    assert error.max() < 1e-6
    assert tracker.num_fallbacks < 10
    assert tracker.num_products < PRODUCTS * len(values)


def test_differences_follow_the_edge_of_stability_at_the_same_cost(edge):
    problem, weights = edge
    tracker = SharpnessTracker(problem, products="differences")
    values = np.array([tracker(step, weights[step]) for step in range(1409, 2410)])
    checked = np.r_[0:1001:100, 515:535:5]
    error = np.abs(values[checked] / dense_values(problem, weights[1409 + checked]) - 1)
    assert np.median(error) < 1e-7
    assert error.max() < 1e-5
    assert tracker.num_products < PRODUCTS * len(values)


def test_every_fifth_step_is_enough(edge):
    problem, weights = edge
    tracker = SharpnessTracker(problem)
    steps = np.arange(1409, 2410, 5)
    values = np.array([tracker(step, weights[step]) for step in steps])
    error = np.abs(values[::20] / dense_values(problem, weights[steps[::20]]) - 1)
    assert error.max() < 1e-6
    assert tracker.num_products < 5 * len(values)


def test_differences_of_gradients_give_the_sharpness_to_a_millionth(edge):
    problem, weights = edge
    exact, fast = SharpnessTracker(problem), SharpnessTracker(problem, products="differences")
    steps = range(1409, 1609)
    expected = np.array([exact(step, weights[step]) for step in steps])
    found = np.array([fast(step, weights[step]) for step in steps])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.any(found != expected)


def test_a_product_that_is_known_already_is_used(edge):
    problem, weights = edge
    ours, given = SharpnessTracker(problem), SharpnessTracker(problem)
    for step in range(20):
        product = problem.linearize(weights[step])[2]
        assert given(step, weights[step], product) == ours(step, weights[step])


def test_a_second_use_gives_the_same_numbers():
    path, places = Path(smooth), np.linspace(0, 1, 30)
    tracker = SharpnessTracker(path)
    first = path.along(tracker, places)
    calls = tracker.num_calls, tracker.num_products
    np.testing.assert_array_equal(path.along(tracker, places), first)
    assert (tracker.num_calls, tracker.num_products) == calls


def test_it_records_in_a_run():
    problem = Catapult(60)
    run = descend(problem, problem.initial_weights(), 0.1, 5, record={"sharpness": SharpnessTracker(problem)})
    expected = [sharpness(problem, w) for w in run.weights]
    np.testing.assert_allclose(run.records["sharpness"], expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, -2.0])
@pytest.mark.parametrize("n", [3, N])
def test_without_positive_curvature_the_largest_eigenvalue_is_given_all_the_same(value, n):
    problem = Quadratic(np.full(n, value))
    tracker = SharpnessTracker(problem)
    assert [tracker(t, np.zeros(n)) for t in range(4)] == pytest.approx([value] * 4)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_degenerate_and_clustered_values_are_right(k):
    values = np.r_[5.0, 5.0, 5.0, 5.0 - 1e-9, BULK]
    path, places = Path(lambda s: turning(s, values)), np.linspace(0, 1, 20)
    np.testing.assert_allclose(
        path.along(SharpnessTracker(path, k=k), places).reshape(20, k), path.exact(places, k), rtol=1e-6
    )


@pytest.mark.parametrize("bad_from", [0.0, 0.3])
def test_a_product_that_is_not_finite_is_undefined(bad_from):
    def broken(s):
        return np.full((N, N), np.nan) if s >= bad_from else smooth(s)

    path = Path(broken)
    with pytest.raises(Undefined, match="NaN or infinite"):
        path.along(SharpnessTracker(path), np.linspace(0, 1, 10))


def noisy():
    """A path whose products carry noise, of whatever cause."""
    noise, path = np.random.default_rng(0), Path(smooth)
    path.linearize = lambda w: (
        0.0,
        np.zeros(N),
        lambda v: smooth(w[0]) @ v + 1e-4 * noise.standard_normal(v.shape),
    )
    return path


def test_a_path_with_noise_is_followed_to_what_noise_allows_with_one_warning():
    path, places = noisy(), np.linspace(0, 1, 40)
    tracker = SharpnessTracker(path, tol=1e-9)
    with pytest.warns(RuntimeWarning, match="vouched for to .* not to tol 1e-09") as caught:
        values = path.along(tracker, places)
    assert len(caught) == 1
    np.testing.assert_allclose(values, path.exact(places, 1).ravel(), rtol=1e-3)
    assert 1e-9 < tracker.residual < 1e-2
    assert tracker.num_products < 20 * len(places)


def test_a_tolerance_out_of_reach_is_an_error(monkeypatch):
    monkeypatch.setattr(search, "_DENSE_RESCUE", 400)
    monkeypatch.setattr(search, "_RESTARTS", (1, 2))
    # Eigenvalues crowd at the top as those of a string do.
    problem = Quadratic(np.cos(np.linspace(0, np.pi, 500)))
    with pytest.raises(RuntimeError, match="not found to tol 1e-09, but to"):
        SharpnessTracker(problem, tol=1e-9)(0.0, np.zeros(500))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"k": 2}, "`k` must be at most the number of weights, 1, got 2"),
        ({"k": 0}, "`k` must be a whole number"),
        ({"tol": 0.0}, "`tol` must be a positive number"),
        ({"products": "exactly"}, "`products` must be 'exact' or 'differences'"),
        ({"check_every": 0}, "`check_every` must be a whole number"),
    ],
)
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        SharpnessTracker(DoubleWell(), **options)


def test_the_block_of_the_tracker_is_the_block_of_the_search(edge):
    problem, weights = edge
    tracker = SharpnessTracker(problem, k=2)
    tracker(0.0, weights[100]), tracker(1.0, weights[101])
    np.testing.assert_allclose(tracker.values, top_eigenpairs(problem, weights[101], 2)[0], rtol=1e-7)


def test_steps_back_inside_a_step_go_on_and_the_first_time_begins_again():
    path, steps = Path(smooth), np.linspace(0, 1, 60)
    tracker = SharpnessTracker(path)
    looks = [s for a, b in pairwise(steps[1:]) for s in (b, a, b, 0.5 * (a + b), b)]
    path.along(tracker, [*steps[:2], *looks])
    assert tracker.num_calls == 2 + len(looks)
    assert tracker.num_fallbacks == tracker.num_surprises == 0
    # As on a smooth path: the cold search at the start, and little more than one product a call.
    assert tracker.num_products <= 1.6 * tracker.num_calls + N
    np.testing.assert_allclose(tracker(0.7, np.full(N, 0.7)), path.exact([0.7])[0, 0], rtol=1e-6)
    tracker(0.0, np.zeros(N))
    assert tracker.num_calls == 1


class Known(Quadratic):
    """Counts what is asked of the problem itself."""

    num_gradients = num_passes = 0

    def gradient(self, w):
        self.num_gradients += 1
        return super().gradient(w)

    def linearize(self, w):
        self.num_passes += 1
        return super().linearize(w)


def at(problem, t, w, **known):
    return Place(problem, t, int(t), w, w, **known)


def test_at_a_place_the_product_of_the_run_is_used():
    problem, w = Known(np.arange(1.0, N + 1)), np.ones(N)
    tracker = SharpnessTracker(problem)
    products = []

    def product(v):
        products.append(v)
        return np.diag(np.arange(1.0, N + 1)) @ v

    for t in range(3):
        place = at(problem, t, w, product=product)
        assert tracker.at_place(place) == pytest.approx(N)
    assert problem.num_passes == 0
    assert sum(1 if v.ndim == 1 else v.shape[1] for v in products) == tracker.num_products


def test_at_a_place_differences_start_from_the_gradient_of_the_run():
    problem, w = Known(np.arange(1.0, N + 1)), np.ones(N)
    tracker = SharpnessTracker(problem, products="differences")
    for t in range(20):
        place = at(problem, t, w, gradient=np.arange(1.0, N + 1) * w)
        assert tracker.at_place(place) == pytest.approx(N, rel=1e-6)
    # The cold search took exact products; each other product one gradient, and the first one a choice.
    assert problem.num_passes == 1
    assert problem.num_gradients <= tracker.num_products + 6


def test_at_a_place_of_another_problem_the_tracker_makes_its_own_passes():
    problem, w = Known(np.arange(1.0, N + 1)), np.ones(N)
    tracker = SharpnessTracker(problem)
    place = at(Quadratic(np.ones(N)), 0, w)
    assert tracker.at_place(place) == pytest.approx(N)
    assert problem.num_passes == 1


def test_a_completed_problem_is_the_one_that_its_author_wrote():
    class Bowl:
        def loss_and_gradient(self, w):
            return 0.5 * w @ w, w

        def hvp(self, w, v):
            return v

    author = Bowl()
    place = at(as_problem(author), 0, np.ones(N), product=lambda v: 5.0 * v)
    assert SharpnessTracker(author).at_place(place) == pytest.approx(5.0)
