"""A descent leaves what a bare loop computes, to the last bit, wherever it is cut."""

import signal
import sys

import numpy as np
import pytest

import gradflow as gf
from gradflow.simulate import descent_recorder, descent_run, iteration, rows

XOR = gf.problems.FeedForward(*gf.datasets.xor(), (4,))
PROBLEMS = {
    "2-4-1": (XOR, XOR.initial_weights(0)),
    "neuron": (gf.problems.SigmoidNeuron(), np.array([0.5])),
    "quadratic": (gf.problems.Quadratic([1.0, 4.0]), np.array([1.0, -2.0])),
}
RULES = {
    "plain": gf.rules.GradientDescent(0.3),
    "a schedule": gf.rules.GradientDescent(lambda k: 0.3 / (1 + k)),
    "heavy ball": gf.rules.HeavyBall(0.05, momentum=0.5),
    "Adam": gf.rules.Adam(0.05),
}
NUM_STEPS = 37
# What happens beside a step must not change it.
ASKED = {
    "nothing": {},
    "a record": {"record": {"first": lambda t, w: w[0]}},
    "a callback": {"callback": lambda t, w: False},
    "an event": {"events": {"far": gf.Event(lambda t, w: w[0] - 1e9)}},
    "a tolerance": {"gradient_tolerance": 1e-300},
}


def bare_loop(problem, w, rule, num_steps):
    """Weights (m, n) and losses (m,) of the iteration that a run is."""
    memory, weights, losses = rule.init(w), [], []
    for step in range(num_steps + 1):
        loss, gradient = problem.loss_and_gradient(w)
        weights.append(np.array(w))
        losses.append(loss)
        w, memory = rule.update(w, gradient, memory, step)
    return np.array(weights), np.array(losses)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_rows_and_losses_are_those_of_a_bare_loop(problem, rule, asked):
    problem, w0 = PROBLEMS[problem]
    weights, losses = bare_loop(problem, w0, RULES[rule], NUM_STEPS)
    for stride in (1, 5):
        run = gf.descend(problem, w0, RULES[rule], NUM_STEPS, record_every=stride, **ASKED[asked])
        steps = [*range(0, NUM_STEPS, stride), NUM_STEPS]
        np.testing.assert_array_equal(run.steps, steps)
        np.testing.assert_array_equal(run.weights, weights[steps])
        np.testing.assert_array_equal(run.losses, losses[steps])
        np.testing.assert_array_equal(run.step_losses, losses)
        np.testing.assert_array_equal(run.times, run.step_times[steps])


def test_times_are_the_multiples_of_one_step_and_a_schedules_sums():
    problem, w0 = PROBLEMS["quadratic"]
    run = gf.descend(problem, w0, 0.1, 50, rate=3.0)
    assert run.step_times.tolist() == [k * (0.1 / 3.0) for k in range(51)]
    rates = [0.3 / (1 + k) for k in range(20)]
    scheduled = gf.descend(problem, w0, gf.rules.GradientDescent(lambda k: rates[k]), 20, record_every=7)
    sums = [0.0]
    for rate in rates:
        sums.append(sums[-1] + rate)
    assert scheduled.step_times.tolist() == sums
    assert scheduled.times.tolist() == [sums[k] for k in (0, 7, 14, 20)]
    assert scheduled.learning_rates.tolist() == [rates[k] for k in (0, 7, 14, 19)]


def test_a_schedule_without_an_end_in_sight_keeps_the_rows_before_it():
    def schedule(step):
        if step == 5:
            raise ValueError("no more")
        return 0.1

    run = gf.descend(*PROBLEMS["quadratic"], gf.rules.GradientDescent(schedule), 20, record_every=3)
    assert run.outcome is gf.Outcome.FAILED
    assert "no learning rate for step 5" in run.message
    assert run.steps.tolist() == [0, 3, 4]
    assert len(run.step_losses) == 5


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("asked", ["nothing", "a callback"])
def test_divergence_is_met_at_the_first_step_that_is_not_finite(asked, stride):
    """w_k = (-2)^k and the loss is w^2 / 2, where w^2 = 2^1024 is the first beyond the numbers."""
    run = gf.descend(gf.problems.Quadratic(1.0), [1.0], 3.0, 1000, record_every=stride, **ASKED[asked])
    assert run.outcome is gf.Outcome.DIVERGED
    assert run.message == "the weights, the loss or its gradient are not finite at step 512"
    np.testing.assert_array_equal(run.step_losses, 2.0 ** (2 * np.arange(512) - 1))
    assert run.steps[-1] == 511
    assert run.final_weights[0] == -(2.0**511)


@pytest.mark.parametrize("asked", ["nothing", "a callback"])
def test_a_product_beyond_the_numbers_is_no_divergence_while_weights_and_gradient_are_finite(asked):
    steep = gf.problems.from_callables(lambda w: 1.0, lambda w: np.full(1, -1e200), num_weights=1)
    run = gf.descend(steep, [0.0], 1.0, 3, **ASKED[asked])
    assert run.outcome is gf.Outcome.FINISHED
    np.testing.assert_allclose(run.weights[:, 0], [0.0, 1e200, 2e200, 3e200])


class InPlace:
    """A rule that writes into the weights it was given, which it should leave as they are."""

    learning_rate = 0.3

    def init(self, w):
        return None

    def update(self, w, gradient, state, step):
        w -= 0.3 * gradient
        return w, state


def test_rows_are_copies_at_once_whatever_becomes_of_the_array():
    problem, w0 = PROBLEMS["quadratic"]
    expected = gf.descend(problem, w0, 0.3, NUM_STEPS)
    run = gf.descend(problem, w0.copy(), InPlace(), NUM_STEPS)
    np.testing.assert_array_equal(run.weights, expected.weights)


class Cut:
    """Sends an interrupt before the `count`-th instruction of the loop's own files, wherever that is."""

    FILES = tuple(each.__file__ for each in (descent_run, descent_recorder, iteration, rows))

    def __init__(self, count):
        self.left = count

    def __call__(self, frame, event, arg):
        if frame.f_code.co_filename not in self.FILES:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                signal.getsignal(signal.SIGINT)(signal.SIGINT, frame)
        return self


@pytest.mark.parametrize("options", [{}, {"record_every": 2}, {"record": {"first": lambda t, w: w[0]}}])
def test_an_interrupt_between_any_two_instructions_leaves_no_torn_row(options):
    problem, w0 = PROBLEMS["quadratic"]
    weights, losses = bare_loop(problem, w0, RULES["heavy ball"], 4)
    before, reached, was_cut = sys.gettrace(), set(), True
    count = 1
    while was_cut:
        cut = Cut(count)
        try:
            sys.settrace(cut)
            run = gf.descend(problem, w0, RULES["heavy ball"], 4, **options)
        except KeyboardInterrupt:
            run = None  # Before the run began.
        finally:
            sys.settrace(before)
        was_cut, count = cut.left == 0, count + 1
        if run is None:
            continue
        last = int(run.steps[-1])
        reached.add(last)
        stride = options.get("record_every", 1)
        assert run.steps.tolist() == [*range(0, last, stride), last]
        np.testing.assert_array_equal(run.weights, weights[run.steps])
        np.testing.assert_array_equal(run.times, run.steps * run.settings["step_size"])
        np.testing.assert_array_equal(run.final_weights, weights[last])
        if len(run.step_losses):
            np.testing.assert_array_equal(run.step_losses, losses[: last + 1])
            np.testing.assert_array_equal(run.losses, losses[run.steps])
        else:
            assert last == 0
        if "record" in options and len(run.step_losses):
            np.testing.assert_array_equal(run.records["first"], weights[run.steps, 0])
    assert reached == {0, 1, 2, 3, 4}
    assert run.outcome is gf.Outcome.FINISHED
