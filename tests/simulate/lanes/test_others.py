"""Problems without lanes, those that somebody else wrote, and runs that are broken off."""

import _thread
import threading
import time
import warnings

import numpy as np
import pytest

import gradflow as gf
from gradflow.problems import DoubleWell, FeedForward, Quadratic
from gradflow.problems.batched import Batched, Laned

XOR = FeedForward([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0], [4])


class Bowl:
    num_weights = 2

    def loss_and_gradient(self, w):
        return 0.5 * float(w @ w), w.copy()


class BatchedBowl(Bowl):
    def __init__(self):
        self.num_calls = 0

    def losses_and_gradients(self, W):
        self.num_calls += 1
        return 0.5 * np.einsum("kn,kn->k", W, W), W.copy()


class Holed(Bowl):
    def loss_and_gradient(self, w):
        if w[0] < 0.5:
            raise gf.Undefined("there is a hole in this bowl")
        return super().loss_and_gradient(w)


def test_a_problem_without_a_batched_form_is_run_one_by_one_which_is_said_once():
    with pytest.warns(gf.CostWarning, match="Bowl.* has no batched form: its runs are made one by one"):
        many = gf.descend_many(Bowl(), [[1.0, 2.0], [3.0, 4.0]], 0.5, 2, record_every=1)
    np.testing.assert_array_equal(many.weights, [[0.25, 0.5], [0.75, 1.0]])
    np.testing.assert_array_equal(many.recorded.weights[0], [[1.0, 2.0], [0.5, 1.0], [0.25, 0.5]])
    # Those of the first look at whether the gradient belongs to the loss count for the first run.
    assert many.num_gradients[1] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gf.descend_many(Bowl(), [1.0, 2.0], 0.5, 2)


@pytest.mark.parametrize("tolerance", [{"loss_tolerance": 1e-4}, {"gradient_tolerance": 1e-2}])
def test_one_by_one_stops_where_lanes_do(tolerance):
    W0, etas = [[1.0, 2.0], [3.0, 4.0]], [0.5, 0.1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.CostWarning)
        alone = gf.descend_many(Bowl(), W0, etas, 400, **tolerance)
    lanes = gf.descend_many(Quadratic([1.0, 1.0]), W0, etas, 400, **tolerance)
    np.testing.assert_array_equal(alone.num_steps, lanes.num_steps)
    np.testing.assert_array_equal(alone.codes, lanes.codes)
    assert (alone.outcomes == gf.Outcome.CONVERGED).all()


def test_a_batched_problem_of_somebody_else_is_asked_for_many_at_once():
    bowl = BatchedBowl()
    many = gf.descend_many(bowl, np.ones((50, 2)), np.linspace(0.1, 2.1, 50), 30)
    np.testing.assert_allclose(many.weights[:, 0], (1 - np.linspace(0.1, 2.1, 50)) ** 30, rtol=1e-9)
    assert bowl.num_calls <= 40
    flows = gf.integrate_many(gf.GradientFlow(BatchedBowl()), np.ones((5, 2)), 1.0)
    np.testing.assert_allclose(flows.weights, np.exp(-1.0), rtol=1e-5)


def test_a_rule_whose_steps_are_not_linear_is_run_one_by_one():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.CostWarning)
        many = gf.descend_many(Quadratic([1.0, 3.0]), [1.0, 1.0], [0.1, 0.2], 25, rule=gf.rules.Adam)
    for k, eta in enumerate((0.1, 0.2)):
        one = gf.descend(Quadratic([1.0, 3.0]), [1.0, 1.0], gf.rules.Adam(eta), 25)
        np.testing.assert_array_equal(many.weights[k], one.final_weights)


def test_a_run_that_fails_says_why_and_the_others_go_on():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.CostWarning)
        many = gf.descend_many(Holed(), [[2.0, 1.0], [0.9, 1.0], [3.0, 0.0]], 0.1, 10)
    assert many.outcomes.tolist() == [gf.Outcome.FINISHED, gf.Outcome.FAILED, gf.Outcome.FINISHED]
    assert dict(many.messages) == {1: "there is a hole in this bowl"}
    assert many.weights[1, 0] >= 0.5


@pytest.mark.parametrize("lanes", [DoubleWell(), XOR, FeedForward(np.ones((3, 2)), [0, 1, 1], [30])])
def test_the_problems_of_the_library_have_batches(lanes):
    assert isinstance(lanes, Batched)
    assert isinstance(lanes, Laned)


@pytest.mark.parametrize("shape", [(3,), (2, 5), (1, 2, 17)])
def test_rows_of_another_length_are_refused(shape):
    with pytest.raises(ValueError, match=r"`W` must have shape \(K, 17\)"):
        XOR.losses_and_gradients(np.zeros(shape))


def _interrupted(run):
    """Return what `run` returns when Ctrl-C comes a moment after it began."""
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    began = time.monotonic()
    try:
        return run(), time.monotonic() - began
    finally:
        timer.join()


def test_ctrl_c_leaves_what_descents_have_reached(kernels):
    # Compiled before, so that it is the steps that are broken off.
    gf.descend_many(XOR, XOR.initial_weights(0), 0.1, 8)
    W0 = np.array([XOR.initial_weights(seed) for seed in range(600)])
    many, _ = _interrupted(lambda: gf.descend_many(XOR, W0, 0.1, 50_000_000, threads=2))
    stopped = many.outcomes == gf.Outcome.INTERRUPTED
    assert stopped.any()
    assert np.isfinite(many.weights).all()
    assert (many.num_steps[stopped] < 50_000_000).all()
    assert many.num_steps.max() > 0
    begun = stopped & (many.num_steps > 0)
    for k in np.flatnonzero(begun)[:3]:
        assert XOR.loss(many.weights[k]) == pytest.approx(many.losses[k], rel=1e-9)


def test_ctrl_c_leaves_what_flows_have_reached(kernels):
    flow = gf.GradientFlow(XOR)
    gf.integrate_many(flow, XOR.initial_weights(0), 1.0)
    W0 = np.array([XOR.initial_weights(seed) for seed in range(600)])
    many, _ = _interrupted(lambda: gf.integrate_many(flow, W0, 1e12, threads=2))
    assert (many.outcomes == gf.Outcome.INTERRUPTED).any()
    assert many.times.max() > 0.0
    assert np.isfinite(many.weights).all()


def test_an_error_of_the_problem_comes_out_of_the_threads():
    class Broken(BatchedBowl):
        def losses_and_gradients(self, W):
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        gf.descend_many(Broken(), np.ones((4, 2)), 0.1, 10, threads=2)


def test_a_bar_counts_runs(capsys):
    gf.descend_many(DoubleWell(), [[0.5], [0.6]], 0.1, 10, progress=True)
    assert "runs" in capsys.readouterr().err
