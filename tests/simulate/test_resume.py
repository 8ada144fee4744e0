"""A run that goes on where it ended is the run that was never interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import gradflow as gf

NET = gf.problems.FeedForward(*gf.datasets.xor(), (3,))
W0 = NET.initial_weights(1)
RULES = {
    "descent": gf.rules.GradientDescent(0.3),
    "schedule": gf.rules.GradientDescent(gf.rules.Schedule(np.geomspace(0.4, 0.1, 60))),
    "vector": gf.rules.GradientDescent(np.linspace(0.1, 0.3, W0.size)),
    "heavy ball": gf.rules.HeavyBall(0.1, 0.8),
    "nesterov": gf.rules.Nesterov(0.1, 0.8),
    "sign": gf.rules.SignDescent(0.01),
    "random sign": gf.rules.RandomSign(0.01, amount_seed=3),
    "normalized": gf.rules.Normalized(0.05),
    "rmsprop": gf.rules.RMSProp(0.01),
    "adam": gf.rules.Adam(0.02),
    "projected": gf.rules.Projected(gf.rules.HeavyBall(0.1, 0.8), -0.5, 0.5),
}
OPTIONS = {
    "full": {},
    "strided": {"record_every": 7},
    "mini-batches": {"batch": 3, "seed": 5, "record_every": 4},
    "mini-batches, whole losses": {"batch": 3, "seed": 5, "losses": "every"},
    "pattern by pattern": {"batch": 1},
    "sketched": {"sketch": gf.Sketch(W0.size, size=4)},
}


def descend(rule, num_steps, **options):
    rate = {"rate": np.linspace(1.0, 3.0, W0.size)} if np.ndim(rule.learning_rate) else {}
    return gf.descend(NET, W0, rule, num_steps, **rate, **options)


def assert_same(run, other):
    for name in ("times", "steps", "weights", "states", "losses", "step_times", "step_losses", "final_state"):
        np.testing.assert_array_equal(getattr(run, name), getattr(other, name), err_msg=name)
    assert (run.learning_rates is None) == (other.learning_rates is None)
    if run.learning_rates is not None:
        np.testing.assert_array_equal(run.learning_rates, other.learning_rates)
    assert run.num_gradients == other.num_gradients
    assert (run.outcome, run.message, run.settings) == (other.outcome, other.message, other.settings)
    assert list(run.records) == list(other.records)
    for name in run.records:
        np.testing.assert_array_equal(run.records[name], other.records[name])
        np.testing.assert_array_equal(run.record_times[name], other.record_times[name])
    for name in run.crossings:
        for mine, theirs in zip(run.crossings[name], other.crossings[name], strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("saved", [False, True], ids=["in memory", "through a file"])
@pytest.mark.parametrize("name", RULES)
def test_a_descent_in_two_pieces_is_the_whole_one_bit_for_bit_for_every_rule(name, saved, tmp_path):
    first = descend(RULES[name], 25)
    if saved:
        first.save(tmp_path / "run.npz")
        first = tmp_path / "run.npz"
    assert_same(gf.resume(first, NET, num_steps=35), descend(RULES[name], 60))


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("rule", ["schedule", "adam"])
def test_a_descent_in_three_pieces_is_the_whole_one_whatever_it_was_asked(name, rule):
    options = OPTIONS[name]
    run = descend(RULES[rule], 11, **options)
    run = gf.resume(gf.resume(run, NET, num_steps=21), NET, num_steps=28)
    assert_same(run, descend(RULES[rule], 60, **options))


def test_records_events_and_rhythms_go_on_where_they_are_given_again():
    def hooks():
        return {
            "record": {"norm": gf.records.gradient_norm, "slow": gf.every(4, gf.records.loss)},
            "events": {"low": gf.Event(lambda t, w: NET.loss(w), levels=(0.12, 0.1, 0.08), terminal=False)},
        }

    whole = descend(RULES["heavy ball"], 60, record_every=3, **hooks())
    first = descend(RULES["heavy ball"], 26, record_every=3, **hooks())
    assert_same(gf.resume(first, NET, num_steps=34, **hooks()), whole)
    assert len(whole.crossings["low"].levels) > 0


def test_a_record_of_one_piece_is_nan_in_the_other():
    first = descend(RULES["descent"], 10)
    run = gf.resume(first, NET, num_steps=10, record={"loss": gf.records.loss})
    np.testing.assert_array_equal(run.records["loss"][:10], np.full(10, np.nan))
    np.testing.assert_array_equal(run.records["loss"][10:], run.losses[10:])


def test_a_schedule_that_is_a_function_is_given_again_for_a_file(tmp_path):
    rule = gf.rules.HeavyBall(lambda step: 0.1 / (1 + step), 0.5)
    first = descend(rule, 20)
    assert_same(gf.resume(first, NET, num_steps=20), descend(rule, 40))
    first.save(tmp_path / "run.npz")
    with pytest.raises(ValueError, match="which a file cannot hold: give it again"):
        gf.resume(tmp_path / "run.npz", NET, num_steps=20)
    assert_same(gf.resume(tmp_path / "run.npz", NET, num_steps=20, rule=rule), descend(rule, 40))


def test_end_time_is_the_last_step_that_does_not_pass_it():
    first = descend(gf.rules.GradientDescent(0.3), 10)
    run = gf.resume(first, NET, end_time=6.1)
    assert run.steps[-1] == 20
    assert run.times[-1] == pytest.approx(6.0)
    assert gf.descend(NET, W0, 0.3, end_time=6.0).steps[-1] == 20
    assert gf.descend(NET, W0, 0.3, end_time=5.99).steps[-1] == 19
    scheduled = gf.descend(NET, W0, lambda step: 0.1 * (step + 1), end_time=1.0)
    np.testing.assert_allclose(scheduled.times, [0.0, 0.1, 0.3, 0.6, 1.0])


def test_another_process_goes_on_bit_for_bit(tmp_path):
    descend(RULES["adam"], 25, batch=3, seed=5).save(tmp_path / "run.npz")
    script = f"""
        import gradflow as gf
        net = gf.problems.FeedForward(*gf.datasets.xor(), (3,))
        gf.resume({str(tmp_path / "run.npz")!r}, net, num_steps=35).save({str(tmp_path / "more.npz")!r})
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(script)], check=True)
    assert_same(gf.Trajectory.load(tmp_path / "more.npz"), descend(RULES["adam"], 60, batch=3, seed=5))


@pytest.mark.parametrize("method", ["RK45", "BDF", "krylov-bdf"])
def test_a_flow_goes_on_from_its_state(method, tmp_path):
    flow = gf.GradientFlow(gf.problems.Quadratic([1.0, 4.0]), 2.0)
    first = gf.integrate(flow, [1.0, 1.0], 0.3, method=method, rtol=1e-8)
    first.save(tmp_path / "run.npz")
    exact = np.exp(-2.0 * np.outer([1.0, 4.0], 1.0)).T
    for earlier, given in ((first, flow), (first, flow.problem), (tmp_path / "run.npz", flow.problem)):
        run = gf.resume(earlier, given, end_time=1.0)
        assert np.abs(run.final_weights - exact).max() < 1e-7
        assert run.steps.tolist() == list(range(len(run.steps)))
        assert (np.diff(run.step_times) > 0).all()
        assert (
            np.abs(run.at([0.1, 0.3, 0.7]) - np.exp(-2.0 * np.outer([0.1, 0.3, 0.7], [1.0, 4.0]))).max()
            < 1e-6
        )


def test_a_run_that_diverged_or_an_argument_of_the_other_kind_is_refused():
    bowl = gf.problems.Quadratic(1.0)
    with pytest.raises(ValueError, match="`run` must be one that can go on"):
        gf.resume(gf.descend(bowl, [1.0], 1e3, 1000), bowl, num_steps=1)
    run = gf.descend(bowl, [1.0], 0.1, 3)
    with pytest.raises(ValueError, match="`method` must be left out for a descent"):
        gf.resume(run, bowl, num_steps=1, method="RK45")
    with pytest.raises(ValueError, match="must have the 1 weights of the run, got 2"):
        gf.resume(run, gf.problems.Quadratic([1.0, 2.0]), num_steps=1)
    with pytest.raises(ValueError, match="`num_steps` or `end_time` must be given"):
        gf.resume(run, bowl)
    with pytest.raises(ValueError, match="`run` must be a trajectory or the path of one"):
        gf.resume(3, bowl, num_steps=1)
    with pytest.raises(ValueError, match="whose memory has 0 numbers"):
        gf.resume(run, bowl, num_steps=1, rule=gf.rules.Adam(0.1))
    flow = gf.integrate(gf.GradientFlow(bowl), [1.0], 1.0)
    with pytest.raises(ValueError, match="`end_time` must be later than the start time 1"):
        gf.resume(flow, bowl, end_time=0.5)


RUN = """
    import numpy as np, time, gradflow as gf
    net = gf.problems.FeedForward(*gf.datasets.xor(), (3,))
    def slow(t, w):
        time.sleep(0.001)
    gf.descend(net, net.initial_weights(1), gf.rules.Adam(0.02), 10**6, record_every=50, callback=slow,
               checkpoint=gf.Checkpoint({path!r}, seconds=0.05))
"""


def started(path):
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(RUN.format(path=str(path)))])
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until
        assert child.poll() is None
        time.sleep(0.01)
    return child


def test_what_kills_a_run_loses_an_interval_and_never_the_file(tmp_path):
    path = tmp_path / "run.npz"
    for attempt in range(3):
        child = started(path)
        time.sleep(0.07 * attempt)
        child.kill()
        child.wait()
        run = gf.Trajectory.load(path)
        assert run.outcome is gf.Outcome.INTERRUPTED
        done = int(run.steps[-1])
        assert done > 0
        whole = gf.descend(NET, W0, gf.rules.Adam(0.02), done + 10, record_every=50)
        np.testing.assert_array_equal(gf.resume(path, NET, num_steps=10).weights, whole.weights)
        path.unlink()


def test_sigterm_ends_a_run_with_a_checkpoint_as_ctrl_c_does(tmp_path):
    path = tmp_path / "run.npz"
    child = started(path)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=20) == 0
    run = gf.Trajectory.load(path)
    assert run.message == "the run was interrupted from the keyboard"
    assert run.final_loss == NET.loss(run.final_weights)


@pytest.mark.parametrize("kind", ["flow", "descent"])
def test_a_checkpoint_holds_the_whole_run_at_its_end(kind, tmp_path):
    path = tmp_path / "run.npz"
    bowl = gf.problems.Quadratic([1.0, 2.0])
    if kind == "flow":
        run = gf.integrate(gf.GradientFlow(bowl), [1.0, 1.0], 1.0, checkpoint=path)
    else:
        run = gf.descend(bowl, [1.0, 1.0], 0.1, 20, checkpoint=str(path))
    assert_same(gf.Trajectory.load(path), run)
    assert [each.name for each in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("checkpoint", [3, "", "no/such/folder/run.npz", gf.Checkpoint])
def test_a_checkpoint_that_cannot_be_written_is_refused_at_the_door(checkpoint):
    with pytest.raises(ValueError, match="`checkpoint` must be"):
        gf.descend(gf.problems.Quadratic(1.0), [1.0], 0.1, 3, checkpoint=checkpoint)


@pytest.mark.parametrize("kind", ["flow", "descent"])
def test_a_checkpoint_whose_folder_goes_away_warns_and_the_run_reaches_its_end(kind, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    checkpoint = gf.Checkpoint(folder / "run.npz", seconds=1e-9)
    bowl = gf.problems.Quadratic([1.0, 2.0])

    def remove(t, w):
        if t > 0 and folder.exists():
            shutil.rmtree(folder)

    def start():
        if kind == "flow":
            return gf.integrate(
                gf.GradientFlow(bowl), [1.0, 1.0], 1.0, checkpoint=checkpoint, callback=remove
            )
        return gf.descend(bowl, [1.0, 1.0], 0.1, 20, checkpoint=checkpoint, callback=remove)

    with pytest.warns(RuntimeWarning, match="could not be written"):
        run = start()
    assert run.outcome is gf.Outcome.FINISHED
    assert not folder.exists()
