import numpy as np
import pytest

import gradflow as gf
from gradflow.problems.landscapes.quadratic import Quadratic

H = np.array([[3.0, 1.0], [1.0, 2.0]])
W0 = np.array([1.0, -2.0])
TOP = np.linalg.eigvalsh(H)[-1]


def test_plain_descent_is_a_power_of_one_minus_eta_hessian():
    eta, num_steps = 0.3, 50
    run = gf.descend(Quadratic(H), W0, eta, num_steps)
    for k in range(num_steps + 1):
        expected = np.linalg.matrix_power(np.eye(2) - eta * H, k) @ W0
        assert np.linalg.norm(run.weights[k] - expected) <= 1e-12 * np.linalg.norm(expected)


def test_plain_descent_is_eulers_method_on_the_flow():
    problem, rate, eta = Quadratic(H), 2.5, 0.1
    flow = gf.GradientFlow(problem, rate)
    run = gf.descend(problem, W0, eta, 10, rate=rate)
    w, h = W0, eta / rate
    for k in range(11):
        assert run.times[k] == k * h
        np.testing.assert_allclose(run.weights[k], w, rtol=1e-14)
        w = w + h * flow(run.times[k], w)


def test_descent_converges_just_below_the_limit_and_grows_just_above():
    start = np.linalg.eigh(H)[1][:, -1] + 0.1
    below = gf.descend(Quadratic(H), start, 0.99 * 2 / TOP, 2000)
    above = gf.descend(Quadratic(H), start, 1.01 * 2 / TOP, 2000)
    assert below.final_loss < 1e-8 * below.losses[0]
    assert above.final_loss > 1e3 * above.losses[0]


def test_a_stride_keeps_the_first_and_the_last_row_and_every_loss():
    every, strided = (
        gf.descend(Quadratic(H), W0, 0.1, 23),
        gf.descend(Quadratic(H), W0, 0.1, 23, record_every=5),
    )
    np.testing.assert_array_equal(strided.steps, [0, 5, 10, 15, 20, 23])
    np.testing.assert_array_equal(strided.weights, every.weights[strided.steps])
    np.testing.assert_array_equal(strided.step_losses, every.losses)
    np.testing.assert_array_equal(strided.step_times, every.times)


def test_just_the_wanted_steps_are_kept_besides_the_ends():
    every = gf.descend(Quadratic(H), W0, 0.1, 23)
    chosen = gf.descend(Quadratic(H), W0, 0.1, 23, record_every=[1, 2, 4, 8, 16])
    np.testing.assert_array_equal(chosen.steps, [0, 1, 2, 4, 8, 16, 23])
    np.testing.assert_array_equal(chosen.weights, every.weights[chosen.steps])


def test_one_gradient_a_step_is_spent_and_the_losses_come_free():
    run = gf.descend(Quadratic(H), W0, 0.1, 23)
    assert run.num_gradients == 23
    assert run.num_hvps == 0


def test_the_learning_rate_of_every_row_is_kept():
    assert (gf.descend(Quadratic(H), W0, 0.1, 5).learning_rates == 0.1).all()
    assert (
        gf.descend(Quadratic(H), W0, gf.rules.GradientDescent([0.1, 0.2]), 5, rate=[1.0, 2.0]).learning_rates
        is None
    )
    run = gf.descend(Quadratic(H), W0, gf.rules.GradientDescent(lambda k: 0.2 / (1 + k)), 3)
    np.testing.assert_allclose(run.learning_rates, [0.2, 0.1, 0.2 / 3, 0.2 / 3])


def test_the_run_stops_at_a_small_gradient():
    run = gf.descend(Quadratic(H), W0, 0.3, 10_000, gradient_tolerance=1e-6)
    assert run.outcome is gf.Outcome.CONVERGED
    assert np.linalg.norm(H @ run.final_weights) <= 1e-6 < np.linalg.norm(H @ run.weights[-2])
    at_the_end = gf.descend(Quadratic(1.0), [1.0], 1.0, 1, gradient_tolerance=1e-6)
    assert at_the_end.outcome is gf.Outcome.CONVERGED


def test_divergence_is_a_result_that_keeps_its_finite_rows():
    run = gf.descend(Quadratic(H), W0, 1e3, 1000, record_every=7)
    assert run.outcome is gf.Outcome.DIVERGED
    assert np.isfinite(run.weights).all()
    assert np.isfinite(run.losses).all()
    assert run.steps[-1] == len(run.step_losses) - 1
    assert f"step {run.steps[-1] + 1}" in run.message


def test_weights_that_leave_the_finite_numbers_end_the_run_though_the_loss_stays_finite():
    bounded = gf.problems.from_callables(
        lambda w: float(np.tanh(w[0])), lambda w: np.array([-1e308]), num_weights=1, check=False
    )
    run = gf.descend(bounded, [0.0], 1.0, 10)
    assert run.outcome is gf.Outcome.DIVERGED
    assert np.isfinite(run.weights).all()


def test_an_event_is_met_at_the_first_step_on_the_other_side():
    watch = {"small": gf.Event(lambda t, w: w[0], levels=(0.3, 0.2), terminal=False)}
    run = gf.descend(Quadratic(1.0), [1.0], 0.5, 6, events=watch)
    levels, times, weights = run.crossings["small"]
    np.testing.assert_array_equal(levels, [0.3, 0.2])
    np.testing.assert_array_equal(times, [1.0, 1.5])
    np.testing.assert_array_equal(weights[:, 0], [0.25, 0.125])


def test_a_terminal_event_or_the_callback_ends_the_run():
    run = gf.descend(Quadratic(1.0), [1.0], 0.5, 60, events={"small": gf.Event(lambda t, w: w[0] - 0.3)})
    assert run.outcome is gf.Outcome.EVENT
    assert run.steps[-1] == 2
    run = gf.descend(Quadratic(1.0), [1.0], 0.5, 60, callback=lambda t, w: t >= 2.0, record_every=10)
    assert run.outcome is gf.Outcome.EVENT
    assert run.times[-1] == 2.0


def test_the_rule_memory_follows_the_weights_in_the_final_state():
    rule = gf.rules.HeavyBall(0.1, 0.5)
    run = gf.descend(Quadratic(H), W0, rule, 7)
    np.testing.assert_array_equal(run.final_state[:2], run.final_weights)
    np.testing.assert_allclose(run.final_state[2:], run.weights[-1] - run.weights[-2], rtol=1e-12)
    assert run.method == "HeavyBall"
    assert run.settings["momentum"] == 0.5


def test_the_final_state_of_a_run_that_diverged_is_the_last_finite_one():
    run = gf.descend(Quadratic(H), W0, gf.rules.HeavyBall(1e3, 0.5), 1000)
    assert run.outcome is gf.Outcome.DIVERGED
    np.testing.assert_array_equal(run.final_state[:2], run.final_weights)
    np.testing.assert_allclose(run.final_state[2:], run.weights[-1] - run.weights[-2], rtol=1e-12)


def test_a_users_own_rule_needs_no_base_class():
    class Half:
        learning_rate = 0.5

        def init(self, w):
            return None

        def update(self, w, gradient, state, step):
            return w / 2, state

    run = gf.descend(Quadratic(H), W0, Half(), 3)
    np.testing.assert_allclose(run.final_weights, W0 / 8)
    assert run.method == "Half"


def test_a_sketched_run_keeps_sketches():
    sketch = gf.Sketch(2, size=1)
    full, run = gf.descend(Quadratic(H), W0, 0.1, 9), gf.descend(Quadratic(H), W0, 0.1, 9, sketch=sketch)
    np.testing.assert_allclose(run.weights, sketch.apply(full.weights))
    assert run.settings["sketch"] == {"num_weights": 2, "size": 1, "seed": 0}


def test_progress_is_shown_on_request(capsys):
    gf.descend(Quadratic(H), W0, 0.1, 9, progress=True)
    assert "GradientDescent, steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"w0": [np.nan, 1.0]}, "`w0` must be finite"),
        ({"w0": [1.0]}, "`w0` must have 2 weights"),
        ({"rule": 0.0}, "`rule` must be a positive number"),
        ({"rule": -0.1}, "`rule` must be a positive number"),
        ({"rule": np.nan}, "`rule` must be a positive number"),
        ({"rule": "adam"}, "`rule` must be a"),
        (
            {"rule": gf.rules.Adam},
            r"`rule` must be a learning rate or a rule such as gf.rules.Adam\(0.1\), got the class Adam",
        ),
        ({"num_steps": 0}, "`num_steps` must be a whole number"),
        ({"num_steps": 2.5}, "`num_steps` must be a whole number"),
        ({"rate": 0.0}, "`rate` must be a positive"),
        ({"rate": -1.0}, "`rate` must be a positive"),
        ({"step_size": 0.0}, "`step_size` must be a positive"),
        ({"record_every": 0}, "`record_every` must be a whole number"),
        ({"record_every": [0, 9]}, "`record_every` must be steps from 0 to 5"),
        ({"record_every": [0.5]}, "`record_every` must be steps from 0 to 5"),
        ({"gradient_tolerance": -1.0}, "`gradient_tolerance` must be a positive"),
        ({"batch": 1}, "`batch` must be None for a problem without samples.*from_callables `num_samples`"),
        ({"sketch": gf.Sketch(5)}, "`sketch` must be of 2 weights"),
        ({"events": {"e": 3}}, "`events` must map names to Event"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(options, match):
    arguments = {"w0": W0, "rule": 0.1, "num_steps": 5, **options}
    w0, rule, num_steps = (arguments.pop(name) for name in ("w0", "rule", "num_steps"))
    with pytest.raises(ValueError, match=match):
        gf.descend(Quadratic(H), w0, rule, num_steps, **arguments)
