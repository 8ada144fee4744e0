"""What every integrator owes a run: the same short list of flows, by every method."""

import functools
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import gradflow as gf
from gradflow.simulate.integrators import INTEGRATORS

METHODS = [*INTEGRATORS, "auto"]
# The tolerance at which each is compared: ROCK2 is a method for loose ones.
RTOL = 1e-6


class Counted:
    """A loss with its derivatives as a user writes them, and how often each was called."""

    def __init__(self, loss, gradient, hessian, size=1):
        self.loss, self.slope, self.hessian, self.size = loss, gradient, hessian, size
        self.num_gradients = self.num_products = 0

    def loss_and_gradient(self, w):
        self.num_gradients += 1
        return self.loss(w), self.slope(w)

    def hvp(self, w, v):
        self.num_products += 1
        return self.hessian(w) @ v

    def flow(self, exact=True):
        hvp = self.hvp if exact else None
        return gf.GradientFlow(
            gf.problems.from_callables(
                self.loss, num_weights=self.size, loss_and_gradient=self.loss_and_gradient, hvp=hvp
            )
        )


def quadratic(eigenvalues):
    h = np.asarray(eigenvalues)
    return Counted(lambda w: h @ w**2 / 2, lambda w: h * w, lambda w: np.diag(h), h.size)


def double_well():
    return Counted(
        lambda w: ((w**2 - 1) ** 2).sum() / 4, lambda w: w**3 - w, lambda w: np.diag(3 * w**2 - 1), 1
    )


def in_double_well(w0, t):
    """Solve w' = w - w^3, multiplied out so that no power of a small or large start is lost."""
    return w0 / math.sqrt(math.exp(-2 * t) - w0**2 * math.expm1(-2 * t))


def net():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((12, 2))
    layered = gf.problems.FeedForward(inputs, np.sin(inputs[:, :1]), (3,), activation="tanh")
    size = layered.num_weights
    counted = Counted(layered.loss, layered.gradient, lambda w: layered.hvp(w, np.eye(size)), size)
    return counted, layered.initial_weights(0)


@functools.cache
def net_at(t):
    counted, w0 = net()
    return solve_ivp(lambda _, w: -counted.slope(w), (0, t), w0, method="DOP853", rtol=1e-12, atol=1e-14).y[
        :, -1
    ]


def barrier(outside):
    """E = w^2/2 - log(1 - w), with what `outside` says of w >= 1."""

    def gap(w):
        return 1 - w[0] if w[0] < 1 else outside(1 - w[0])

    return Counted(
        lambda w: w[0] ** 2 / 2 - math.log(gap(w)),
        lambda w: w + 1 / gap(w),
        lambda w: np.array([[1 + 1 / gap(w) ** 2]]),
    )


def nan(gap):
    return math.nan


@functools.cache
def behind_barrier(w0, t):
    """Where dw/dt = -w - 1/(1 - w) has come to: t is the integral of (1 - w)/(1 + w - w^2) up to w0.

    With the roots p and q of w^2 - w - 1 that is ((p - 1) log|w - p| + (1 - q) log(w - q)) / (p - q).
    """
    p, q = (1 + math.sqrt(5)) / 2, (1 - math.sqrt(5)) / 2

    def integral(w):
        return ((p - 1) * math.log(p - w) + (1 - q) * math.log(w - q)) / (p - q)

    return brentq(lambda w: integral(w0) - integral(w) - t, q + 1e-12, w0, xtol=1e-15, rtol=1e-14)


def steep():
    return quadratic(np.logspace(0, 3, 4)), np.array([1.0, -1.0, 1.0, -1.0]), 1.0


SMOOTH = {
    "a quadratic of condition 1": lambda: (
        quadratic([1.0, 1.0]),
        np.array([1.0, -2.0]),
        2.0,
        np.exp(-2.0) * np.array([1.0, -2.0]),
    ),
    "a quadratic of condition 1000": lambda: (
        *steep(),
        np.exp(-np.logspace(0, 3, 4)) * np.array([1.0, -1.0, 1.0, -1.0]),
    ),
    "a double well": lambda: (double_well(), np.array([0.1]), 3.0, np.array([in_double_well(0.1, 3.0)])),
    "a tanh net": lambda: (*net(), 5.0, net_at(5.0)),
    "a log barrier": lambda: (
        barrier(math.log),
        np.array([1 - 1e-3]),
        1.0,
        np.array([behind_barrier(1 - 1e-3, 1.0)]),
    ),
    "a barrier of nan": lambda: (
        barrier(nan),
        np.array([1 - 1e-3]),
        1.0,
        np.array([behind_barrier(1 - 1e-3, 1.0)]),
    ),
}


def rows_are_sound(run):
    assert np.isfinite(run.weights).all()
    assert np.isfinite(run.losses).all()
    assert (np.diff(run.times) > 0).all()
    assert (np.diff(run.step_times) > 0).all()
    assert len(run.times) == len(run.weights) == len(run.losses) == len(run.steps)
    np.testing.assert_array_equal(run.final_weights, run.weights[-1])


def counts_are_true(run, counted):
    assert run.num_gradients == counted.num_gradients
    assert run.num_hvps == counted.num_products


def blow_up():
    """y' = y^2: from y = 1 it leaves the numbers at t = 1."""
    return Counted(lambda w: -(w[0] ** 3) / 3, lambda w: -(w**2), lambda w: np.array([[-2 * w[0]]]))


def log_of_weight():
    """w' = -1/w: from w = 1 it reaches 0 at t = 1/2, infinitely fast, by w = sqrt(1 - 2 t)."""
    return Counted(lambda w: np.log(w[0]), lambda w: 1 / w, lambda w: np.array([[-1 / w[0] ** 2]]))


def edge_of_nan():
    return Counted(lambda w: -w[0], lambda w: np.where(w < 5, -1.0, np.nan), lambda w: np.zeros((1, 1)))


def edge_of_log():
    """E = (2 - w) log(2 - w) - (2 - w): w' = log(2 - w) from below; math.log raises beyond 2."""
    return Counted(lambda w: -w[0], lambda w: [-1.0 + 0 * math.log(2 - w[0])], lambda w: np.zeros((1, 1)))


def is_beyond_all_bounds(run, start):
    return run.final_weights[0] > 1e6 * start


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exact", [True, False], ids=["products", "differences"])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_flow_ends_within_a_few_tolerances_of_the_truth(name, exact, method):
    counted, w0, end, truth = SMOOTH[name]()
    run = gf.integrate(counted.flow(exact), w0, end, method=method, rtol=RTOL)
    assert run.outcome is gf.Outcome.FINISHED
    assert run.times[-1] == end
    size = max(np.linalg.norm(w0), np.linalg.norm(truth))
    assert np.linalg.norm(run.final_weights - truth) < 5 * RTOL * size
    rows_are_sound(run)
    counts_are_true(run, counted)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exact", [True, False], ids=["products", "differences"])
@pytest.mark.parametrize(
    ("make", "outcome", "time", "sentence"),
    [
        (blow_up, gf.Outcome.DIVERGED, 1.0, "the weights grow beyond all bounds in finite time"),
        (log_of_weight, gf.Outcome.DIVERGED, 0.5, "the flow becomes infinitely fast in finite time"),
        (edge_of_nan, gf.Outcome.DIVERGED, 4.0, "is not finite beyond the last step"),
        (edge_of_log, gf.Outcome.FAILED, 1.0, "ValueError"),
    ],
)
def test_what_ends_a_flow_is_told_as_it_is(make, outcome, time, sentence, exact, method):
    counted = make()
    run = gf.integrate(counted.flow(exact), [1.0], 10.0, method=method, rtol=RTOL)
    assert run.outcome is outcome
    assert sentence in run.message
    assert ("beyond all bounds in finite time" in run.message) == is_beyond_all_bounds(run, 1.0)
    # A step of ROCK2 is as long as its stages reach, and is not taken back so often that it fills the rest.
    assert run.times[-1] == pytest.approx(time, abs=5e-3 if method == "rock2" else 1e-4)
    rows_are_sound(run)
    counts_are_true(run, counted)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_wrong_option_of_the_integrator_is_raised(name):
    counted = quadratic([1.0, 2.0])
    make = INTEGRATORS[name].make
    for option in ({"first_step": -1.0}, {"rtol": "tight"}):
        with pytest.raises((ValueError, TypeError), match=r"first_step|rtol|ufunc"):
            gf.integrate(counted.flow(), [1.0, 1.0], 1.0, method=functools.partial(make, **option))
    # An option that it does not have is refused, or warned about, which is an error here.
    with pytest.raises((ValueError, TypeError, UserWarning), match="nonsense"):
        gf.integrate(counted.flow(), [1.0, 1.0], 1.0, method=functools.partial(make, nonsense=1))


@pytest.mark.filterwarnings("ignore::gradflow.CostWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9, 1e12])
def test_a_double_well_is_followed_from_starts_of_every_size(start, method):
    # Down to the well or up to it, w(t) = w0 / sqrt(exp(-2 t) + w0^2 (1 - exp(-2 t))).
    rtol = 1e-4 if method == "rock2" else RTOL
    end = max(0.0, -math.log(start)) + 1.0
    truth = in_double_well(start, end)
    run = gf.integrate(double_well().flow(), [start], end, method=method, rtol=rtol)
    assert run.outcome is gf.Outcome.FINISHED
    # On the way up relative errors add: a third of rtol, at the most, for every factor e (measured: 0.24).
    assert abs(run.final_weights[0] - truth) < (2 + end / 3) * rtol * max(start, truth)


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_flow_is_followed_alike_from_starts_of_every_size(method):
    rtol = 1e-4 if method == "rock2" else RTOL
    truth = np.exp([-1.0, -30.0])
    for start in (1e-12, 1e-6, 1.0, 1e6, 1e12):
        run = gf.integrate(quadratic([1.0, 30.0]).flow(), [start, start], 1.0, method=method, rtol=rtol)
        assert np.linalg.norm(run.final_weights / start - truth) < 2 * rtol * np.linalg.norm(truth)
