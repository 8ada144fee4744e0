"""Runs inside an experiment: whole ones only, thinned out without a loss to any figure."""

from dataclasses import replace

import numpy as np
import pytest

import gradflow as gf
from gradflow.experiments.packing import packed, unpacked
from gradflow.experiments.runs import MOST_KEPT, descend, integrate, thinned, watched
from gradflow.simulate.whole import PARTS, Unfinished, whole

Q = gf.problems.Quadratic([1.0, 4.0])
START = [1.0, 1.0]


@pytest.mark.parametrize("outcome", gf.Outcome)
def test_a_run_is_whole_unless_something_outside_it_ended_it(outcome):
    run = replace(gf.descend(Q, START, 0.1, 3), outcome=outcome)
    if outcome not in PARTS:
        assert whole(run) is run
        return
    with pytest.raises(Unfinished, match=f"{outcome.name.lower()} after 3 steps of Gradient") as caught:
        whole(run)
    assert caught.value.run is run
    assert caught.value.is_interrupt == (outcome is gf.Outcome.INTERRUPTED)


def test_divergence_is_a_result():
    assert descend(Q, START, 1.0, 2000).outcome is gf.Outcome.DIVERGED


def test_the_last_runs_are_remembered_while_they_are_watched():
    with watched(progress=False) as watch:
        for steps in range(1, MOST_KEPT + 3):
            descend(Q, START, 0.1, steps)
        with pytest.raises(Unfinished):
            integrate(gf.GradientFlow(Q), START, 9.0, max_evaluations=1)
    assert [len(run.step_times) - 1 for run in watch.reached] == [*range(4, MOST_KEPT + 3), 0]
    descend(Q, START, 0.1, 1)
    assert len(watch.reached) == MOST_KEPT


@pytest.mark.parametrize("kind", ["flow", "descent"])
def test_a_thinned_run_has_fewer_rows_and_everything_else(kind):
    record = {"w": lambda t, w: w[0]}
    if kind == "flow":
        run = gf.integrate(gf.GradientFlow(Q), START, 5.0, times=101, record=record)
    else:
        run = gf.descend(Q, START, 0.05, 100, record=record)
    thin = thinned(run, 11)
    assert len(thin.times) == 11
    assert (thin.times[0], thin.times[-1]) == (run.times[0], run.times[-1])
    for name in ("step_losses", "step_times", "final_weights"):
        np.testing.assert_array_equal(vars(thin)[name], vars(run)[name])
    np.testing.assert_array_equal(thin.records["w"], run.records["w"])
    np.testing.assert_array_equal(thin.record_times["w"], run.times)
    np.testing.assert_array_equal(thin.at(thin.times), thin.weights)
    back = unpacked(gf.Trajectory, packed(thin, "run"), "run")
    np.testing.assert_array_equal(back.record_times["w"], run.times)
    assert thinned(run, 500) is run


def test_a_bar_is_shown_where_it_is_asked_for(capsys):
    for progress in (False, True):
        with watched(progress):
            descend(Q, START, 0.1, 50)
        assert bool(capsys.readouterr().err) == progress
