"""Trial steps into what is undefined are taken back as often as one step needs it; endings are told truly."""

import math
import signal

import numpy as np
import pytest

import gradflow as gf

METHODS = ["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "rock2", "cvode", "auto"]


def barrier(eps, error=None):
    """E = -w - eps log(1 - w): the flow comes to rest at 1 - eps, next to where nothing is defined."""

    def inside(w):
        if w[0] >= 1 and error is not None:
            raise error
        return w[0] < 1

    def loss(w):
        return -w[0] - eps * math.log(1 - w[0]) if inside(w) else math.nan

    def gradient(w):
        return np.array([-1 + eps / (1 - w[0]) if inside(w) else math.nan])

    return gf.problems.from_callables(loss, gradient, 1, hvp=lambda w, v: eps / (1 - w[0]) ** 2 * v)


@pytest.mark.parametrize(
    "error", [None, ValueError("math domain error"), OverflowError("too large"), KeyError(1)]
)
@pytest.mark.parametrize("method", METHODS)
def test_a_run_along_the_edge_of_the_domain_goes_on_to_its_end(method, error):
    run = gf.integrate(gf.GradientFlow(barrier(1e-4, error)), [0.0], 1.2, method=method, rtol=1e-4)
    assert run.outcome is gf.Outcome.FINISHED
    assert run.final_weights[0] == pytest.approx(1 - 1e-4, abs=1e-4)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "krylov-bdf", "cvode"])
def test_differences_for_products_stay_inside_the_domain(method):
    """A user's loss in the functions of `math`, without products."""
    eps = 1e-5
    problem = gf.problems.from_callables(
        lambda w: -w[0] - eps * math.log(1 - w[0]),
        lambda w: np.array([-1 + eps / (1 - w[0]) + 0 * math.log(1 - w[0])]),
        1,
    )
    run = gf.integrate(gf.GradientFlow(problem), [0.0], 1.5, method=method, rtol=1e-4)
    assert run.outcome is gf.Outcome.FINISHED
    assert run.final_weights[0] == pytest.approx(1 - eps, abs=1e-6)


RESOLVING = ["Radau", "BDF", "LSODA", "krylov-bdf", "cvode", "auto"]


def beyond(kind):
    """What the gradient of a barrier gives beyond its edge: a number, or an error as `math` raises it."""
    if kind == "raises":
        return math.log(-1.0)
    return {"nan": math.nan, "inf": math.inf}[kind]


def near_barrier(eps, kind, *, has_product):
    """E = -w - eps log(1 - w), with curvature 1 / eps where the flow comes to rest."""

    def gradient(w):
        return np.array([-1 + eps / (1 - w[0]) if w[0] < 1 else beyond(kind)])

    def loss(w):
        return -w[0] - eps * math.log(1 - w[0]) if w[0] < 1 else beyond(kind)

    hvp = (lambda w, v: eps / (1 - w[0]) ** 2 * v) if has_product else None
    return gf.problems.from_callables(loss, gradient, 1, hvp=hvp)


@pytest.mark.parametrize("has_product", [False, True])
@pytest.mark.parametrize("kind", ["raises", "nan", "inf"])
@pytest.mark.parametrize("method", RESOLVING)
def test_an_edge_ten_thousand_times_nearer_than_the_tolerance_is_resolved(method, kind, has_product):
    """Without more accuracy beside the edge Radau, krylov-bdf and cvode need more than 200,000 gradients."""
    flow = gf.GradientFlow(near_barrier(1e-8, kind, has_product=has_product))
    run = gf.integrate(flow, [0.0], 1.5, method=method, rtol=1e-4, max_evaluations=5000)
    assert run.outcome is gf.Outcome.FINISHED
    assert run.final_weights[0] == pytest.approx(1 - 1e-8, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_an_error_of_the_problem_that_no_shorter_step_avoids_ends_the_run_with_its_words(method):
    def gradient(w):
        if w[0] > 2:
            raise KeyError("nothing is known beyond 2")
        return np.array([-1.0])

    line = gf.problems.from_callables(lambda w: -w[0], gradient, 1, hvp=lambda w, v: 0 * v)
    run = gf.integrate(gf.GradientFlow(line), [1.0], 10.0, method=method)
    assert run.outcome is gf.Outcome.FAILED
    assert "nothing is known beyond 2" in run.message
    assert 1.9 < run.final_weights[0] <= 2
    assert len(run.times) > 2


def test_an_error_at_the_start_is_raised_as_it_is():
    def gradient(w):
        raise KeyError("nothing is known here")

    line = gf.problems.from_callables(lambda w: -w[0], gradient, 1)
    for make in (
        lambda: gf.integrate(gf.GradientFlow(line), [1.0], 1.0),
        lambda: gf.descend(line, [1.0], 0.1, 3),
    ):
        with pytest.raises(KeyError, match="nothing is known here"):
            make()


def test_an_error_in_mid_descent_keeps_the_rows():
    def gradient(w):
        if w[0] > 2:
            raise KeyError("nothing is known beyond 2")
        return np.array([-1.0])

    run = gf.descend(gf.problems.from_callables(lambda w: -w[0], gradient, 1), [1.0], 0.3, 10)
    assert run.outcome is gf.Outcome.FAILED
    assert "nothing is known beyond 2" in run.message
    np.testing.assert_allclose(run.weights[:, 0], [1.0, 1.3, 1.6, 1.9])


@pytest.mark.parametrize("method", METHODS)
def test_a_singularity_at_finite_weights_is_not_told_as_growth(method):
    """E = log w: dw/dt = -1/w reaches 0 at t = 1/2."""
    problem = gf.problems.from_callables(
        lambda w: np.log(w[0]), lambda w: 1 / w, 1, hvp=lambda w, v: -v / w**2
    )
    with np.errstate(all="ignore"):
        run = gf.integrate(gf.GradientFlow(problem), [1.0], 1.0, method=method)
    assert run.outcome in (gf.Outcome.DIVERGED, gf.Outcome.FAILED)
    assert "grow beyond all bounds in finite time" not in run.message.replace("gradient grows", "")
    assert run.times[-1] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("kind", ["flow", "descent"])
def test_what_was_reached_is_safe_from_the_first_ctrl_c_on(kind):
    bowl, calls = gf.problems.Quadratic([1.0, 4.0]), []

    def impatient(t, w):
        calls.append(t)
        if len(calls) >= 20:
            signal.raise_signal(signal.SIGINT)
        return w[0]

    record = {"w": impatient}
    if kind == "flow":
        run = gf.integrate(gf.GradientFlow(bowl), [1.0, 1.0], 50.0, method="RK45", record=record)
    else:
        run = gf.descend(bowl, [1.0, 1.0], 0.01, 1000, record=record)
    assert run.outcome is gf.Outcome.INTERRUPTED
    assert len(run.times) == 20
    np.testing.assert_array_equal(run.records["w"], [*run.weights[:-1, 0], np.nan])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
