import warnings
from functools import partial

import numpy as np
import pytest
from scipy.integrate import RK45, OdeSolver
from scipy.linalg import expm

import gradflow as gf
from gradflow.problems.landscapes.quadratic import Quadratic
from gradflow.solvers import lsoda

METHODS = ["auto", "RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA", "krylov-bdf", "cvode"]
# What "auto" makes of a few stiff weights: scipy's LSODA, where it has memory of its own.
DENSE = "LSODA" if lsoda.is_free() else "krylov-bdf"
H = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
W0 = np.array([1.0, -2.0, 0.5])
RATES = {
    "number": 0.7,
    "vector": np.array([0.5, 2.0, 1.0]),
    "matrix": np.array([[2.0, 0.3, 0], [0.3, 1.0, 0], [0, 0, 1]]),
}


def flow(rate=1.0):
    return gf.GradientFlow(Quadratic(H), rate)


def truth(t, rate=1.0):
    scale = rate if np.ndim(rate) == 2 else np.diag(np.broadcast_to(rate, 3))
    return expm(-scale @ H * t) @ W0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", RATES)
def test_a_quadratic_decays_as_the_matrix_exponential(method, kind):
    run = gf.integrate(flow(RATES[kind]), W0, 2.0, method=method, rtol=1e-9)
    assert np.abs(run.final_weights - truth(2.0, RATES[kind])).max() < 1e-7
    assert run.outcome is gf.Outcome.FINISHED
    assert run.times[0] == 0.0
    assert run.times[-1] == 2.0


@pytest.mark.parametrize("method", METHODS)
def test_wanted_times_are_kept_to_tolerance_and_do_not_change_the_steps(method):
    wanted = np.array([0.1, 0.7, 1.3])
    run = gf.integrate(flow(), W0, 2.0, method=method, rtol=1e-8, times=wanted)
    np.testing.assert_array_equal(run.times, [0.0, 0.1, 0.7, 1.3, 2.0])
    for t, w in zip(run.times, run.weights, strict=True):
        assert np.abs(w - truth(t)).max() < 1e-5
    free = gf.integrate(flow(), W0, 2.0, method=method, rtol=1e-8)
    np.testing.assert_array_equal(run.step_times, free.step_times)
    np.testing.assert_array_equal(run.final_weights, free.final_weights)


@pytest.mark.parametrize("method", METHODS)
def test_between_steps_a_flow_is_at_solver_accuracy(method):
    times = np.linspace(0.0, 2.0, 101)
    run = gf.integrate(flow(), W0, 2.0, method=method)
    error = np.abs(run.at(times) - [truth(t) for t in times]).max()
    assert error < 3e-5
    losses = [0.5 * truth(t) @ H @ truth(t) for t in times]
    assert np.abs(run.losses_at(times) - losses).max() < 2e-4


def test_a_number_of_times_is_equally_spaced():
    run = gf.integrate(flow(), W0, 2.0, times=5)
    np.testing.assert_allclose(run.times, [0, 0.5, 1, 1.5, 2])


def test_the_rows_of_a_gradient_flow_are_its_states():
    run = gf.integrate(flow(), W0, 1.0)
    assert run.states is run.weights
    np.testing.assert_array_equal(run.final_state, run.final_weights)
    assert run.final_loss == run.losses[-1]


def test_time_may_start_anywhere():
    run = gf.integrate(flow(), W0, 5.0, start_time=4.0, rtol=1e-9)
    assert run.times[0] == 4.0
    assert np.abs(run.final_weights - truth(1.0)).max() < 1e-7


def test_the_loss_falls_at_every_step_and_is_kept_for_every_step():
    run = gf.integrate(flow(), W0, 5.0, times=3)
    assert len(run.step_losses) == len(run.step_times) > 10
    assert (np.diff(run.step_losses) < 0).all()
    assert len(run.times) == 3


def test_implicit_methods_get_the_exact_hessian_and_count_its_columns():
    for method in ("Radau", "BDF"):
        run = gf.integrate(flow(), W0, 2.0, method=method)
        assert run.num_hvps > 0
        assert run.num_hvps % 3 == 0


def test_counts_are_the_evaluations_that_were_made():
    calls = []

    class Counting(Quadratic):
        def loss_and_gradient(self, w):
            calls.append(w)
            return super().loss_and_gradient(w)

    for method in METHODS:
        calls.clear()
        run = gf.integrate(gf.GradientFlow(Counting(H)), W0, 1.0, method=method)
        assert run.num_gradients == len(calls)


def test_records_are_not_counted_and_follow_the_rows():
    plain = gf.integrate(flow(), W0, 1.0)
    problem = Quadratic(H)
    record = {"norm": lambda t, w: np.linalg.norm(problem.gradient(w)), "pair": lambda t, w: (t, w[0])}
    run = gf.integrate(gf.GradientFlow(problem), W0, 1.0, record=record)
    assert run.num_gradients == plain.num_gradients
    np.testing.assert_allclose(run.records["norm"], np.linalg.norm(run.weights @ H, axis=1))
    np.testing.assert_allclose(run.records["pair"], np.column_stack([run.times, run.weights[:, 0]]))


def test_the_run_stops_at_a_small_gradient():
    run = gf.integrate(flow(), W0, 1e3, gradient_tolerance=1e-4)
    assert run.outcome is gf.Outcome.CONVERGED
    assert np.linalg.norm(H @ run.final_weights) <= 1e-4 < np.linalg.norm(H @ run.weights[-2])


def test_a_start_at_the_minimum_stays_and_converges():
    run = gf.integrate(flow(), np.zeros(3), 10.0, method="RK45")
    np.testing.assert_array_equal(run.final_weights, np.zeros(3))
    run = gf.integrate(flow(), np.zeros(3), 10.0, gradient_tolerance=1e-9)
    assert run.outcome is gf.Outcome.CONVERGED
    assert len(run.times) == 1


@pytest.mark.parametrize("method", METHODS)
def test_an_event_is_located_to_tolerance(method):
    # In one weight with E = w^2 / 2 the loss is 1/8 at w = 1/2, t = ln 2.
    watch = {"half": gf.Event(lambda t, w: w[0], levels=(0.5, 0.25), terminal=False)}
    run = gf.integrate(gf.GradientFlow(Quadratic(1.0)), [1.0], 2.0, method=method, rtol=1e-10, events=watch)
    levels, times, weights = run.crossings["half"]
    np.testing.assert_array_equal(levels, [0.5, 0.25])
    np.testing.assert_allclose(times, np.log([2, 4]), atol=2e-8)
    np.testing.assert_allclose(weights[:, 0], [0.5, 0.25], atol=1e-8)
    assert run.outcome is gf.Outcome.FINISHED


def test_a_terminal_event_ends_the_run_where_it_is_met():
    watch = {
        "late": gf.Event(lambda t, w: w[0], levels=(0.1,)),
        "early": gf.Event(lambda t, w: w[0], levels=(0.5,)),
        "rising": gf.Event(lambda t, w: w[0], levels=(0.7,), direction=1),
    }
    run = gf.integrate(
        gf.GradientFlow(Quadratic(1.0)), [1.0], 9.0, rtol=1e-9, events=watch, times=np.array([0.5, 8.0])
    )
    assert run.outcome is gf.Outcome.EVENT
    assert "'early'" in run.message
    np.testing.assert_allclose(run.times, [0.0, 0.5, np.log(2)], atol=1e-7)
    np.testing.assert_allclose(run.final_weights, 0.5, atol=1e-8)
    assert len(run.crossings["late"][0]) == len(run.crossings["rising"][0]) == 0
    assert run.crossings["late"][2].shape == (0, 1)


@pytest.mark.parametrize("looks", [0, 1, 4])
def test_several_levels_cost_one_evaluation_a_step_and_one_a_look(looks):
    calls = []

    def watched(t, w):
        calls.append(t)
        return w[0]

    event = gf.Event(watched, levels=(50.0, 60.0, 70.0), looks=looks)
    run = gf.integrate(flow(), W0, 1.0, events={"far": event})
    assert len(calls) == 1 + (1 + looks) * (len(run.step_times) - 1)
    assert calls == sorted(calls)


@pytest.mark.parametrize("method", ["auto", "RK23", "RK45", "DOP853", "LSODA", "BDF", "Radau", "krylov-bdf"])
def test_crossings_that_come_in_pairs_inside_a_step_are_all_found(method):
    line = gf.problems.from_callables(lambda w: w[0], lambda w: np.ones(1), 1, hvp=lambda w, v: 0 * v)
    event = gf.Event(lambda t, w: (w[0] - 6) * (w[0] + 2) * (w[0] - 2), terminal=False)
    run = gf.integrate(gf.GradientFlow(line), [8.0], 12.0, method=method, events={"cubic": event})
    np.testing.assert_allclose(run.crossings["cubic"].times, [2.0, 6.0, 10.0], atol=1e-5)


def test_the_callback_sees_every_step_and_can_stop_the_run():
    seen = []

    def callback(t, w):
        seen.append(t)
        assert not w.flags.writeable
        return len(seen) == 4

    run = gf.integrate(flow(), W0, 10.0, callback=callback)
    assert run.outcome is gf.Outcome.EVENT
    np.testing.assert_array_equal(seen, run.step_times[1:])


def test_a_solver_class_or_a_callable_that_makes_one_is_a_method():
    assert issubclass(RK45, OdeSolver)
    run = gf.integrate(flow(), W0, 4.0, method=partial(RK45, max_step=0.05))
    assert np.diff(run.step_times).max() <= 0.05 + 1e-12
    assert run.method == "RK45"
    np.testing.assert_array_equal(
        gf.integrate(flow(), W0, 4.0, method=RK45).times, gf.integrate(flow(), W0, 4.0, method="rk45").times
    )


def test_a_tolerance_bound_in_a_callable_is_respected():
    loose = gf.integrate(flow(), W0, 4.0, method=partial(RK45, rtol=1e-3), rtol=1e-10)
    tight = gf.integrate(flow(), W0, 4.0, method="RK45", rtol=1e-10)
    assert len(loose.step_times) < len(tight.step_times)


def test_options_reach_a_solver_that_passes_them_on():
    class Own(RK45):
        def __init__(self, fun, t0, y0, t_bound, **options):
            super().__init__(fun, t0, y0, t_bound, **options)

    expected = gf.integrate(flow(), W0, 4.0, method="RK45", rtol=1e-10)
    for method in (Own, lambda *a, **options: RK45(*a, **options)):
        run = gf.integrate(flow(), W0, 4.0, method=method, rtol=1e-10)
        np.testing.assert_array_equal(run.times, expected.times)


def test_times_that_miss_the_end_by_rounding_are_taken():
    run = gf.integrate(flow(), W0, 0.3, times=np.arange(4) * 0.1)
    assert len(run.times) == 4
    assert run.times[-1] == 0.3


class Midpoint:
    """An integrator from outside scipy: the explicit midpoint rule with a fixed step."""

    def __init__(self, fun, t0, y0, t_bound, *, step=0.01):
        self.fun, self.t, self.y, self.t_bound, self.size = fun, t0, y0, t_bound, step
        self.status = "running"

    def step(self):
        h = min(self.size, self.t_bound - self.t)
        self.t_old, self.y_old = self.t, self.y
        self.y = self.y + h * self.fun(self.t + h / 2, self.y + h / 2 * self.fun(self.t, self.y))
        self.t = self.t_bound if self.t + h >= self.t_bound else self.t + h

    def dense_output(self):
        return lambda t: self.y_old + (t - self.t_old) / (self.t - self.t_old) * (self.y - self.y_old)


def test_an_integrator_from_outside_scipy_fits_the_stepper_interface():
    errors = [
        np.abs(
            gf.integrate(flow(), W0, 1.0, method=partial(Midpoint, step=h)).final_weights - truth(1.0)
        ).max()
        for h in (0.02, 0.01)
    ]
    assert 1.9 < np.log2(errors[0] / errors[1]) < 2.1


def test_a_sketched_run_keeps_sketches_and_the_full_final_weights():
    sketch = gf.Sketch(3, size=2, seed=1)
    full, run = gf.integrate(flow(), W0, 1.0), gf.integrate(flow(), W0, 1.0, sketch=sketch)
    np.testing.assert_allclose(run.weights, sketch.apply(full.weights))
    np.testing.assert_array_equal(run.final_weights, full.final_weights)
    np.testing.assert_allclose(run.at(0.37), sketch.apply(full.at(0.37)), atol=1e-12)


def test_what_is_no_flow_is_refused():
    with pytest.raises(ValueError, match="`flow` must be a flow"):
        gf.integrate(Quadratic(H), W0, 1.0)


def test_the_same_call_gives_the_same_numbers():
    first, second = (gf.integrate(flow(), W0, 1.0) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_auto_says_what_it_chose():
    run = gf.integrate(flow(), W0, 1.0)
    assert run.method == "RK45"
    assert run.settings["method"] == "auto"
    wide = gf.GradientFlow(Quadratic(np.ones(600)))
    assert gf.integrate(wide, np.ones(600), 0.1).method == "RK45"
    assert gf.integrate(wide, np.ones(600), 0.1, rtol=1e-3).method == "krylov-bdf"
    assert gf.integrate(wide, np.ones(600), 0.1, rtol=1e-2).method == "rock2"


@pytest.mark.parametrize(
    ("size", "rtol", "kinked", "name"),
    [
        (50, 1e-6, False, f"RK45, {DENSE}"),
        (51, 1e-6, False, "RK45, krylov-bdf"),
        (200, 1e-3, False, "RK45, krylov-bdf"),
        (201, 1e-3, False, "krylov-bdf"),
        (201, 9e-4, False, "RK45, krylov-bdf"),
        (51, 5e-3, False, "rock2"),
        (50, 5e-3, False, f"RK45, {DENSE}"),
        (100, 9e-4, True, "RK45"),
        (101, 9e-4, True, "rock2"),
        (2000, 1e-3, True, "rock2"),
    ],
)
def test_auto_goes_by_weights_tolerance_and_kinks(size, rtol, kinked, name):
    problem = gf.problems.from_callables(lambda w: 0.5 * w @ (rates * w), lambda w: rates * w, size)
    problem.has_kinks = kinked
    rates = np.full(size, 1.0)
    rates[0] = 1000.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.CostWarning)
        warnings.simplefilter("ignore", gf.ToleranceWarning)
        run = gf.integrate(gf.GradientFlow(problem), np.ones(size), 4.0, rtol=rtol, times=2)
    methods = ", ".join(part.split(" from ")[0] for part in run.method.split(", "))
    assert methods.startswith(name)
    assert run.outcome is gf.Outcome.FINISHED


def test_a_kinked_flow_is_warned_about_once_where_its_tolerance_gains_nothing():
    inputs = np.random.default_rng(0).standard_normal((30, 4))
    network = gf.problems.FeedForward(inputs, inputs[:, :1], (5,), activation="relu")
    assert network.has_kinks
    assert not gf.problems.FeedForward(inputs, inputs[:, :1], (5,)).has_kinks
    w0 = network.initial_weights(0)
    with pytest.warns(gf.ToleranceWarning, match="jumps at kinks: .*Take rtol=1e-3 or 1e-4") as caught:
        gf.integrate(gf.GradientFlow(network), w0, 0.5)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    # Nothing is said at 1e-4, nor of another method's choice.
    gf.integrate(gf.GradientFlow(network), w0, 0.5, rtol=1e-4)
    gf.integrate(gf.GradientFlow(network), w0, 0.5, method="RK45")


def test_progress_is_shown_on_request(capsys):
    gf.integrate(flow(), W0, 1.0, progress=True)
    assert "auto, flow time" in capsys.readouterr().err
    gf.integrate(flow(), W0, 1.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"w0": [1.0, np.nan, 0.0]}, "`w0` must be finite"),
        ({"w0": [1.0, np.inf, 0.0]}, "`w0` must be finite"),
        ({"w0": [1.0]}, "`w0` must have 3 weights"),
        ({"w0": np.ones((3, 1))}, "`w0` must have 1 dimension"),
        ({"w0": []}, "`w0` must not be empty"),
        ({"w0": "abc"}, "`w0` must be numbers"),
        ({"end_time": 0.0}, "`end_time` must be later"),
        ({"end_time": -1.0}, "`end_time` must be later"),
        ({"end_time": np.inf}, "`end_time` must be finite"),
        ({"start_time": 3.0}, "`end_time` must be later"),
        ({"rtol": 0.0}, "`rtol` must be a positive"),
        ({"rtol": -1e-6}, "`rtol` must be a positive"),
        ({"rtol": 1e-15}, "`rtol` must be at least"),
        ({"w0": [1j, 0, 0]}, "`w0` must be real"),
        ({"atol": 0.0}, "`atol` must be a positive"),
        ({"atol": np.nan}, "`atol` must be a positive"),
        ({"method": "Euler"}, "`method` must be auto, RK23"),
        ({"method": 4}, "`method` must be a name"),
        ({"times": [0.0, 5.0]}, "`times` must increase from at least 0 to at most 2"),
        ({"times": [0.5, 0.5]}, "`times` must increase"),
        ({"times": 1}, "`times` must be a whole number of at least 2"),
        ({"max_evaluations": 0}, "`max_evaluations` must be a whole number"),
        ({"gradient_tolerance": 0.0}, "`gradient_tolerance` must be a positive"),
        ({"events": {"e": lambda t, w: 0.0}}, "`events` must map names to Event"),
        ({"sketch": gf.Sketch(4)}, "`sketch` must be of 3 weights"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(options, match):
    arguments = {"w0": W0, "end_time": 2.0, **options}
    with pytest.raises(ValueError, match=match):
        gf.integrate(flow(), **arguments)
