"""What is taken for a problem, what is completed, and what is refused with a cure."""

import pickle

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems.completed import as_problem, is_same_problem
from gradflow.problems.problem import Differenced, Problem, Sampled


class Bowl:
    """E = 1/2 c |w|^2, by one member."""

    def __init__(self, curvature=2.0):
        self.curvature = curvature

    def loss_and_gradient(self, w):
        return 0.5 * self.curvature * w @ w, self.curvature * w

    def __repr__(self):
        return f"Bowl({self.curvature})"


class Means:
    """E = mean over samples of 1/2 |w - x|^2, by three members."""

    def __init__(self, data):
        self.data = np.asarray(data)

    @property
    def num_samples(self):
        return len(self.data)

    def loss_and_gradient(self, w):
        return 0.5 * ((w - self.data) ** 2).sum() / len(self.data), w - self.data.mean(axis=0)

    def subset(self, indices):
        return Means(self.data[indices])


def test_a_complete_problem_is_returned_as_it_is():
    for problem in (gf.problems.Quadratic(1.0), gf.problems.FeedForward([[1.0]], [1.0], [])):
        assert as_problem(problem) is problem
    once = as_problem(Bowl())
    assert as_problem(once) is once


def test_one_member_is_enough():
    problem = gf.problems.as_problem(Bowl())
    assert isinstance(problem, Problem)
    assert isinstance(problem, Differenced)
    assert not isinstance(problem, Sampled)
    assert repr(problem) == "Bowl(2.0)"
    assert problem.num_weights is None
    w, v = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    assert problem.loss(w) == 5.0
    np.testing.assert_array_equal(problem.gradient(w), [2.0, 4.0])
    np.testing.assert_allclose(problem.hvp(w, v), 2 * v, rtol=1e-9)
    np.testing.assert_allclose(problem.linearize(w)[2](v), 2 * v, rtol=1e-9)
    assert gf.curvature.sharpness(Bowl(), w) == pytest.approx(2.0, rel=1e-8)


def test_three_members_are_a_problem_of_samples():
    problem = as_problem(Means([[0.0], [1.0], [5.0]]))
    assert isinstance(problem, Sampled)
    assert problem.averaged
    assert problem.num_samples == 3
    assert problem.subset([0, 2]).gradient([0.0]) == -2.5
    assert isinstance(problem.subset([1, 2]).subset([1]), Sampled)
    with pytest.raises(ValueError, match="`indices` must lie in 0 to 2"):
        problem.subset([3])


def test_a_sum_over_samples_says_so():
    means = Means([[0.0], [1.0]])
    means.averaged = False
    assert as_problem(means).averaged is False


def test_a_complete_problem_that_forgot_averaged_is_one_of_samples_all_the_same():
    class Whole(Means):
        num_weights = 1
        loss = gradient = hvp = linearize = lambda self, *args: None

    assert not isinstance(Whole([[0.0]]), Sampled)
    assert isinstance(as_problem(Whole([[0.0]])), Sampled)


def test_what_the_author_wrote_is_used():
    class Better(Bowl):
        num_weights = 2

        def loss(self, w):
            return -1.0

        def gradient(self, w):
            return -w

        def hvp(self, w, v):
            assert v.shape == (2,)
            return 7 * v

    problem = as_problem(Better())
    assert not isinstance(problem, Differenced)
    assert problem.num_weights == 2
    assert problem.loss([1.0, 1.0]) == -1.0
    np.testing.assert_array_equal(problem.gradient([1.0, 1.0]), [-1.0, -1.0])
    np.testing.assert_array_equal(problem.loss_and_gradient([1.0, 1.0])[1], [2.0, 2.0])
    np.testing.assert_array_equal(problem.hvp([1.0, 1.0], np.eye(2)), 7 * np.eye(2))
    np.testing.assert_array_equal(problem.linearize([1.0, 1.0])[2](np.eye(2)), 7 * np.eye(2))


def test_the_authors_linearize_gives_the_products():
    class Better(Bowl):
        num_passes = 0

        def linearize(self, w):
            self.num_passes += 1
            return *self.loss_and_gradient(w), lambda v: 9 * v

    author = Better()
    problem = as_problem(author)
    loss, gradient, product = problem.linearize([1.0])
    assert (loss, gradient.tolist(), author.num_passes) == (1.0, [2.0], 1)
    np.testing.assert_array_equal(product([[1.0, 2.0]]), [[9.0, 18.0]])
    np.testing.assert_array_equal(problem.hvp([1.0], [1.0]), [9.0])


@pytest.mark.parametrize(
    ("linearize", "match"),
    [
        (lambda w: (0.0, w), "`linearize` must return loss, gradient and product, got"),
        (lambda w: (0.0, w, 3.0), r"`linearize\(w\)\[2\]` must be a function, got 3.0"),
        (lambda w: (0.0, w[:1], lambda v: v), r"`linearize` must return an array of shape \(2,\)"),
    ],
)
def test_a_linearize_that_returns_something_else_is_told(linearize, match):
    author = Bowl()
    author.linearize = linearize
    with pytest.raises(ValueError, match=match):
        as_problem(author).linearize([1.0, 2.0])


def test_a_second_product_at_the_same_place_costs_its_two_gradients():
    class Counting(Bowl):
        num_calls = 0

        def loss_and_gradient(self, w):
            self.num_calls += 1
            return float((w**4).sum()), 4 * w**3

    author = Counting()
    problem, w, v = as_problem(author), np.array([1.0, 2.0]), np.array([1.0, 1.0])
    first = problem.hvp(w, v)
    assert author.num_calls <= 13
    spent = author.num_calls
    np.testing.assert_array_equal(problem.hvp(w, v), first)
    assert author.num_calls == spent + 2
    np.testing.assert_array_equal(problem.linearize(w)[2](v), first)
    assert author.num_calls == spent + 2 + 1 + 2
    problem.linearize(2 * w)
    assert author.num_calls == spent + 6, "a product that nobody takes costs nothing"


def test_products_do_not_depend_on_where_the_problem_was_before():
    w, v = np.array([0.3, -0.2]), np.array([1.0, 1.0])
    fresh = as_problem(Bowl()).hvp(w, v)
    used = as_problem(Bowl())
    used.hvp(1e3 * w, v)
    np.testing.assert_array_equal(used.hvp(w, v), fresh)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(used)).hvp(w, v), fresh)


def test_an_author_who_follows_a_branch_is_told_where_a_run_has_come():
    class Following(Bowl):
        seen = ()

        def accept(self, w):
            self.seen = (*self.seen, float(w[0]))

    author = Following()
    as_problem(author).accept(np.array([3.0]))
    as_problem(Bowl()).accept(np.array([3.0]))
    assert author.seen == (3.0,)


def test_completed_and_written_are_the_same_problem():
    author, other = Bowl(), Bowl()
    assert is_same_problem(author, as_problem(author))
    assert is_same_problem(as_problem(author), as_problem(author))
    assert not is_same_problem(as_problem(author), other)
    one, two = (gf.problems.from_callables(None, loss_and_gradient=author.loss_and_gradient) for _ in "12")
    assert repr(one) == repr(two)
    assert not is_same_problem(one, two)
    assert is_same_problem(one, one)


@pytest.mark.parametrize(
    ("thing", "cure"),
    [
        (lambda w: w @ w, r"got a loss alone: give it as gf\.problems\.from_callables\(loss, gradient\)"),
        (gf.GradientFlow(gf.problems.DoubleWell()), "got a flow: give its problem, flow.problem"),
        (gf.problems.AssociativeMemory([[0.9]], activation="tanh"), "has no loss: .* memory.learning"),
        (3.0, r"an object with loss_and_gradient\(w\), got 3.0"),
        (None, "got None"),
        ("quadratic", "got 'quadratic'"),
        (Bowl, "got the class Bowl itself: make one of it first"),
        (gf.problems.DoubleWell, "got the class DoubleWell itself"),
    ],
    ids=["loss", "flow", "memory", "number", "none", "name", "class", "class of ours"],
)
def test_what_is_no_problem_is_told_the_cure(thing, cure):
    with pytest.raises(ValueError, match=f"^`problem` must be a problem, .*{cure}"):
        as_problem(thing)
    with pytest.raises(ValueError, match=r"^`given` must be a problem"):
        as_problem(thing, "given")


@pytest.mark.parametrize("size", [0, 2.5, "two"])
def test_a_bad_number_of_weights_is_refused(size):
    author = Bowl()
    author.num_weights = size
    with pytest.raises(ValueError, match="`num_weights` must be a whole number of at least 1"):
        as_problem(author)


class Parts:
    """E(w) = mean of |w - x_p|, of a problem that wants to know where a run is."""

    num_weights = 1

    def __init__(self, points):
        self.points, self.num_samples, self.told = points, len(points), []
        self.has_kinks = len(points) > 1

    def loss_and_gradient(self, w):
        return float(np.abs(w - self.points).mean()), np.sign(w - self.points).mean(keepdims=True)

    def accept(self, w):
        self.told.append(w.copy())

    def subset(self, indices):
        return (Parts if len(indices) < 3 else Threes)(self.points[indices])


class Threes(Parts):
    """Another class, with exact products."""

    def hvp(self, w, v):
        return np.zeros_like(v)


@pytest.mark.parametrize(("indices", "exact"), [([0], False), ([0, 1], False), ([0, 1, 2], True)])
def test_a_subset_is_completed_by_what_it_is_itself(indices, exact):
    whole = as_problem(Parts(np.array([1.0, 2.0, 4.0, 8.0])))
    part, alone = whole.subset(indices), as_problem(Parts(np.array([1.0, 2.0, 4.0, 8.0])).subset(indices))
    assert type(part) is type(alone)
    assert part.has_kinks == alone.has_kinks == (len(indices) > 1)
    assert part.num_samples == len(indices)
    part.accept(np.array([3.0]))
    assert part._author.told == [3.0]
    assert (part.hvp(np.array([3.0]), np.array([1.0])) == 0.0).all()
    assert part.loss(np.array([0.0])) == np.array([1.0, 2.0, 4.0])[indices].mean()
    assert isinstance(part, Differenced) == (not exact)


class Single:
    """A loss of samples whose gradients are those of float32, by digits or by word."""

    num_samples = 6
    data = np.random.default_rng(0).standard_normal((6, 3))

    def __init__(self, rows=slice(None), *, convert):
        self.rows, self.convert = rows, convert

    def loss_and_gradient(self, w):
        gap = (w - self.data[self.rows].mean(axis=0)).astype(np.float32)
        return 0.5 * float(gap @ gap), self.convert(gap)

    def subset(self, indices):
        return Single(indices, convert=self.convert)


def test_what_numbers_a_gradient_has_is_seen_at_the_first_that_can_tell():
    w = np.array([0.1, 0.2, 0.3])
    for convert, found in (
        (lambda g: g, 2.0**-23),
        (lambda g: g.astype(float), 2.0**-23),
        (lambda g: g.astype(np.float16), 2.0**-10),
        (lambda g: g / np.float64(7.0), 2.0**-52),
    ):
        problem = as_problem(Single(convert=convert))
        assert problem.gradient_precision is None
        problem.gradient(w)
        assert problem.gradient_precision == found
        # Samples of it are known to be like the whole.
        assert problem.subset([0, 1]).gradient_precision == found
        assert pickle.loads(pickle.dumps(as_problem(Bowl()))).gradient_precision is None


def test_a_simple_place_whole_numbers_and_what_is_not_finite_tell_nothing():
    for place, convert in (
        (np.array([1.0, -2.0, 0.5]), lambda g: g.astype(float)),
        (np.array([0.1, 0.2, 0.3]), lambda g: np.sign(g).astype(float)),
        (np.array([0.1, 0.2, 0.3]), lambda g: g.astype(float) * np.nan),
    ):
        problem = as_problem(Single(convert=convert))
        problem.gradient(place)
        assert problem.gradient_precision is None


def test_an_author_says_how_precise_gradients_are():
    class Coarse(Bowl):
        gradient_precision = 1e-3

    assert as_problem(Coarse()).gradient_precision == 1e-3
    Coarse.gradient_precision = -1.0
    with pytest.raises(ValueError, match=r"`gradient_precision` must be a positive number, got -1\.0"):
        as_problem(Coarse())
