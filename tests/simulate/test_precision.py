"""Flows followed with passes in single precision."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import BDF

import gradflow as gf
from gradflow.problems import FeedForward, LogisticRegression, Quadratic
from gradflow.simulate.creeping import jumps
from gradflow.solvers import lsoda

rng = np.random.default_rng(0)
INPUTS = rng.standard_normal((200, 6))
NET = FeedForward(INPUTS, np.sin(INPUTS[:, :2]), (12, 8))
FLOW = gf.GradientFlow(NET)
W0 = NET.initial_weights(0)
END = 20.0
# What "auto" makes of a few stiff weights: scipy's LSODA, where it has memory of its own.
DENSE = "LSODA" if lsoda.is_free() else "krylov-bdf"


def integrate(end=END, flow=FLOW, **options):
    return gf.integrate(flow, W0, end, **{"precision": "single", **options})


class Watched:
    """A network that notes where it is evaluated in double precision."""

    def __init__(self, problem):
        self.problem, self.num_weights, self.calls = problem, problem.num_weights, []

    def loss(self, w):
        self.calls.append("loss")
        return self.problem.loss(w)

    def gradient(self, w):
        self.calls.append("gradient")
        return self.problem.gradient(w)

    def loss_and_gradient(self, w):
        self.calls.append("loss_and_gradient")
        return self.problem.loss_and_gradient(w)

    def hvp(self, w, v):
        self.calls.append("hvp")
        return self.problem.hvp(w, v)

    def linearize(self, w):
        self.calls.append("linearize")
        return self.problem.linearize(w)

    def in_single(self):
        return self.problem.in_single()


@pytest.fixture(scope="module")
def truth():
    return gf.integrate(FLOW, W0, END, rtol=1e-10, times=2).final_weights


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5, 1e-6])
def test_the_error_is_what_the_tolerance_makes_it(rtol, truth):
    errors = [
        np.linalg.norm(integrate(rtol=rtol, precision=precision).final_weights - truth)
        for precision in ("double", "single")
    ]
    assert errors[1] < 2 * errors[0] + 1e-7 * np.linalg.norm(truth)
    assert errors[1] < 5 * rtol * np.linalg.norm(truth)


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853", "krylov-bdf", "rock2"])
@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_other_methods_and_rates_keep_their_error(method, rate, truth):
    run = integrate(END / rate, gf.GradientFlow(NET, rate), method=method, rtol=1e-5)
    assert run.outcome is gf.Outcome.FINISHED
    assert np.linalg.norm(run.final_weights - truth) < 5e-5 * np.linalg.norm(truth)


PROBLEMS = {
    "tiny network": FeedForward(INPUTS[:20], np.sin(INPUTS[:20, :2]), (8,)),
    "deep linear": gf.problems.DeepLinear(INPUTS, np.sin(INPUTS[:, :2]), (8, 8)),
    "logistic": LogisticRegression(INPUTS, INPUTS[:, 0] + INPUTS[:, 1] ** 2 > 1),
}


@pytest.mark.parametrize("rate", [1.0, 0.3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_without_rough_products_get_exact_ones_not_differences(name, rate):
    problem, end = PROBLEMS[name], 50.0
    w0, flow = problem.initial_weights(0), gf.GradientFlow(problem, rate)
    truth = gf.integrate(flow, w0, end / rate, rtol=1e-9, times=2).final_weights
    run = gf.integrate(flow, w0, end / rate, method="krylov-bdf", rtol=1e-5, precision="single")
    other = gf.integrate(flow, w0, end / rate, method="krylov-bdf", rtol=1e-5)
    assert np.linalg.norm(run.final_weights - truth) < 5e-5 * np.linalg.norm(truth)
    assert other.num_hvps == 0 < run.num_hvps
    assert run.num_gradients <= other.num_gradients


@pytest.mark.parametrize("method", ["BDF", "lsoda", "Radau", BDF])
def test_methods_that_ask_for_more_digits_are_refused(method):
    with pytest.raises(ValueError, match="`method` must be none of BDF, LSODA and Radau with precision="):
        integrate(method=method)


def test_auto_takes_a_matrix_free_method_for_few_weights_too():
    net = FeedForward(INPUTS, np.sin(INPUTS[:, 0]), (4,))
    runs = [
        gf.integrate(gf.GradientFlow(net), net.initial_weights(0), 500.0, rtol=1e-5, precision=precision)
        for precision in ("double", "single")
    ]
    assert DENSE in runs[0].method
    assert "krylov-bdf" in runs[1].method


def test_losses_carry_seven_digits_and_the_last_one_all():
    run = integrate()
    exact = np.array([NET.loss(w) for w in run.weights])
    wrong = np.abs(run.losses - exact) / exact
    assert 0 < wrong[0] < 1e-7
    assert wrong.max() < 3e-7
    assert run.losses[-1] == run.step_losses[-1] == exact[-1]


@pytest.mark.parametrize(
    "options",
    [
        {"times": 5},
        {"max_evaluations": 30},
        {"gradient_tolerance": 0.05},
        {"events": {"half": gf.Event(lambda t, w: w[0], levels=[W0[0] + 1e-3, W0[0] - 1e-3], terminal=True)}},
        {"callback": lambda t, w: t > 1.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_last_loss_is_in_double_precision_however_a_run_ends(options):
    run = integrate(**options)
    assert run.losses[-1] == run.step_losses[-1] == NET.loss(run.final_weights)


def test_steps_evaluate_nothing_in_double_precision():
    watched = Watched(NET)
    integrate(flow=gf.GradientFlow(watched))
    assert watched.calls == ["loss"]


def test_every_pass_is_counted_and_held_to_the_budget():
    passes = []

    class Counting(FeedForward):
        def loss_and_gradient(self, w):
            passes.append(1)
            return super().loss_and_gradient(w)

    net = Counting(INPUTS, np.sin(INPUTS[:, :2]), (12, 8))
    run = gf.integrate(gf.GradientFlow(net), W0, END, method="RK45", precision="single")
    assert run.num_gradients == len(passes)
    passes.clear()
    run = gf.integrate(gf.GradientFlow(net), W0, END, method="RK45", precision="single", max_evaluations=50)
    assert run.outcome is gf.Outcome.BUDGET
    assert run.num_gradients == len(passes) == 50


def test_records_events_and_callbacks_see_gradients_and_products_of_the_problem_itself():
    seen = []

    class Seer:
        takes_product = True

        def at_place(self, place):
            seen.append((place.gradient.copy(), place.product(W0), NET.linearize(place.weights)))
            return 0.0

    integrate(3.0, record={"seer": Seer()}, events={"seer": gf.Event(Seer(), levels=[1.0])})
    assert len(seen) > 10
    for gradient, product, (_, exact, exactly) in seen:
        np.testing.assert_array_equal(gradient, exact)
        np.testing.assert_array_equal(product, exactly(W0))


def test_the_sharpness_along_a_run_is_certified_in_double_precision():
    run = integrate(3.0, record={"sharpness": gf.records.sharpness(tol=1e-8)}, times=4)
    exact = [gf.curvature.sharpness(NET, w, tol=1e-10) for w in run.weights]
    np.testing.assert_allclose(run.records["sharpness"], exact, rtol=1e-8)


def test_tolerances_are_held_to_what_single_precision_carries():
    assert integrate(1.0, rtol=1e-6).outcome is gf.Outcome.FINISHED
    with pytest.raises(ValueError, match=r"`rtol` must be at least 1e-06 with precision=.* got 9\.9e-07"):
        integrate(1.0, rtol=9.9e-7)


@pytest.mark.parametrize("precision", ["half", None, np.float32, ["single"]])
def test_another_precision_is_refused(precision):
    with pytest.raises(ValueError, match="`precision` must be 'double' or 'single', got"):
        integrate(precision=precision)


def test_a_problem_without_single_passes_is_told_what_it_must_have():
    with pytest.raises(ValueError, match=r"`flow` must be that of a problem with in_single\(\).* Quadratic"):
        gf.integrate(gf.GradientFlow(Quadratic([1.0, 4.0])), [1.0, 1.0], 1.0, precision="single")


def test_products_by_differences_of_single_gradients_are_refused():
    class Own(Watched):
        def in_single(self):
            return gf.problems.as_problem(Half())

    class Half:
        def loss_and_gradient(self, w):
            return NET.in_single().loss_and_gradient(w)

    with pytest.raises(ValueError, match=r"in_single\(\)` must return a problem with products of its own"):
        integrate(flow=gf.GradientFlow(Own(NET)))


@pytest.mark.parametrize("saved", [False, True], ids=["in memory", "through a file"])
def test_a_run_goes_on_in_its_precision(saved, tmp_path):
    first = integrate(5.0, rtol=1e-5)
    assert first.settings["precision"] == "single"
    if saved:
        first.save(tmp_path / "run.npz")
        first = tmp_path / "run.npz"
    watched = Watched(NET)
    whole = gf.resume(first, gf.GradientFlow(watched), end_time=END)
    assert whole.settings["precision"] == "single"
    assert watched.calls == ["loss"]
    assert whole.times[-1] == END


def test_double_is_the_default_and_that_of_runs_from_before_there_was_a_choice():
    first = gf.integrate(FLOW, W0, 1.0)
    assert first.settings["precision"] == "double"
    asked = gf.integrate(FLOW, W0, 1.0, precision="double")
    np.testing.assert_array_equal(first.weights, asked.weights)
    unsaid = {name: value for name, value in first.settings.items() if name != "precision"}
    whole = gf.resume(replace(first, settings=unsaid), FLOW, end_time=2.0)
    np.testing.assert_array_equal(whole.weights, gf.resume(first, FLOW, end_time=2.0).weights)
    single = gf.resume(replace(first, settings=unsaid | {"precision": "single"}), FLOW, end_time=2.0)
    assert not np.array_equal(whole.final_weights, single.final_weights)


def test_losses_that_stand_still_rise_by_rounding_only():
    linear = FeedForward(INPUTS, np.sin(INPUTS[:, :2]), ())
    run = gf.integrate(gf.GradientFlow(linear), np.zeros(linear.num_weights), 300.0, precision="single")
    # Two losses, each good to 1e-7.
    assert 0 < np.diff(run.step_losses).max() < 2e-7 * run.step_losses[-1]


def test_a_staircase_of_rounding_is_no_kink():
    # E = 1/2 |w|^2 with w rounded to float32: near 1 its gradient minus 1 jumps from one float32 to the next.
    def flow(t, w):
        return 1.0 - w.astype(np.float32).astype(np.float64)

    w, single = np.array([1.0 - 1e-6, 1.0 - 1e-6]), float(np.finfo(np.float32).eps)
    assert jumps(flow, 0.0, w, 1e-3)
    assert not jumps(flow, 0.0, w, 1e-3, single)
    assert jumps(lambda t, w: -np.sign(w.astype(np.float32)), 0.0, np.array([0.7, 1e-5]), 1e-5, single)


def user(problem, convert=lambda g: g.astype(np.float32), **options):
    """What a user makes of float32 passes, with its gradients counted."""
    single, calls = problem.in_single(), []

    def gradient(w):
        calls.append(1)
        return convert(single.gradient(w))

    return gf.problems.from_callables(single.loss, gradient, check=False, **options), calls


SHOWN = {
    "by their dtype": (lambda g: g.astype(np.float32), {}),
    "by their digits": (lambda g: g.astype(np.float32).astype(float), {}),
    "by their author": (lambda g: g.astype(np.float32) / 3.0 * 3.0, {"gradient_precision": 1.2e-7}),
}


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("simple", [False, True])
def test_a_tolerance_that_float32_gradients_do_not_carry_is_said_with_the_one_that_they_do(
    shown, simple, truth
):
    convert, options = SHOWN[shown]
    # Weights of float32 tell nothing of the numbers that a gradient computes with: one beside them does.
    w0 = W0.astype(np.float32).astype(float) if simple else W0
    problem, calls = user(NET, convert, **options)
    with pytest.warns(
        RuntimeWarning, match="`rtol` must be at least 1e-06 .* got 1e-10: the run takes 1e-06"
    ):
        run = gf.integrate(gf.GradientFlow(problem), w0, END, rtol=1e-10)
    assert run.settings["rtol"] == 1e-6
    assert run.num_gradients == len(calls)
    assert np.linalg.norm(run.final_weights - truth) < 1e-5 * np.linalg.norm(truth)
    # At the tolerance that was said there is no word, and the same run.
    problem, calls = user(NET, convert, **options)
    same = gf.integrate(gf.GradientFlow(problem), w0, END, rtol=1e-6)
    np.testing.assert_array_equal(same.final_weights, run.final_weights)


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-6])
def test_a_flow_of_float32_gradients_has_the_error_and_about_the_cost_of_one_in_float64(rtol, truth):
    problem, calls = user(NET)
    run = gf.integrate(gf.GradientFlow(problem), W0, END, rtol=rtol)
    double = gf.problems.from_callables(NET.loss, NET.gradient, check=False)
    exact = gf.integrate(gf.GradientFlow(double), W0, END, rtol=rtol)
    assert np.linalg.norm(run.final_weights - truth) < 10 * rtol * np.linalg.norm(truth)
    assert len(calls) <= 1.1 * exact.num_gradients


def test_float64_gradients_are_left_alone_and_cost_what_they_cost():
    single, double = (gf.problems.from_callables(NET.loss, NET.gradient, check=False) for _ in range(2))
    runs = [
        gf.integrate(gf.GradientFlow(problem), W0, 1.0, rtol=1e-10, method="RK45")
        for problem in (NET, single)
    ]
    assert runs[0].num_gradients == runs[1].num_gradients
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    assert runs[1].settings["rtol"] == 1e-10
    # With a small budget nothing is evaluated but what the run needs.
    run = gf.integrate(gf.GradientFlow(double), W0.round(1), 1.0, max_evaluations=5)
    assert run.num_gradients == 5


def test_an_atol_that_was_given_is_kept_and_its_default_follows_the_precision():
    flow = gf.GradientFlow(user(NET)[0])
    scale = np.linalg.norm(W0) / W0.size**0.5
    assert gf.integrate(flow, W0, 1.0, rtol=1e-6).settings["atol"] == pytest.approx(2.0**-23 * scale)
    assert gf.integrate(flow, W0, 1.0, rtol=1e-2).settings["atol"] == pytest.approx(1e-5 * scale)
    assert gf.integrate(flow, W0, 1.0, rtol=1e-6, atol=1e-12).settings["atol"] == 1e-12


def test_methods_that_ask_for_more_digits_than_gradients_have_say_so_and_auto_takes_another_one():
    net = FeedForward(INPUTS, np.sin(INPUTS[:, 0]), (4,))
    flow, w0 = gf.GradientFlow(user(net)[0]), net.initial_weights(0)
    assert "krylov-bdf" in gf.integrate(flow, w0, 500.0, rtol=1e-5).method
    with pytest.warns(RuntimeWarning, match="LSODA asks for more digits .* krylov-bdf is stiff too"):
        gf.integrate(flow, w0, 1.0, rtol=1e-6, method="LSODA")
    gf.integrate(flow, w0, 1.0, rtol=1e-4, method="LSODA")


def test_what_a_gradient_raises_at_the_start_is_said_by_the_run():
    def gradient(w):
        raise ZeroDivisionError("at the start")

    problem = gf.problems.from_callables(NET.loss, gradient, check=False)
    run = gf.integrate(gf.GradientFlow(problem), W0, 1.0)
    assert run.outcome is gf.Outcome.FAILED
    assert "at the start" in run.message
