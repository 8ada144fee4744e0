"""A mini-batch step costs its batch: the whole loss is evaluated at kept rows, or at every step if asked."""

import signal

import numpy as np
import pytest

import gradflow as gf
from gradflow.simulate import checkpoint

NUM_SAMPLES, BATCH, SEED, NUM_STEPS = 11, 4, 3, 23
MODES = ("rows", "every")
W0 = np.array([1.0, -0.5])


class Counted:
    """E(w) = mean of (w . x_p)^2 / 2 (or the sum), which counts the samples that it evaluates."""

    num_weights = 2

    def __init__(self, inputs, averaged=True, counts=None):
        self.inputs, self.averaged = inputs, averaged
        self.num_samples = len(inputs)
        self.counts = {"loss": [], "gradient": []} if counts is None else counts

    def __repr__(self):
        return f"Counted({self.num_samples} samples)"

    def loss(self, w):
        self.counts["loss"].append(self.num_samples)
        return self._evaluated(w)[0]

    def loss_and_gradient(self, w):
        self.counts["gradient"].append(self.num_samples)
        return self._evaluated(w)

    def subset(self, indices):
        return Counted(self.inputs[indices], self.averaged, self.counts)

    def _evaluated(self, w):
        share = self.num_samples if self.averaged else 1
        y = self.inputs @ w
        return float(y @ y / 2 / share), self.inputs.T @ y / share


def counted(averaged=True):
    return Counted(np.random.default_rng(0).standard_normal((NUM_SAMPLES, 2)), averaged)


def descend(problem=None, num_steps=NUM_STEPS, **options):
    options = {"batch": BATCH, "seed": SEED, "record_every": 5, **options}
    return gf.descend(problem or counted(), W0, 0.1, num_steps, **options)


def hand_written(problem, num_steps, seed):
    """Return weights, losses of the batches and losses of the whole problem, one more than steps."""
    rng = None if seed is None else np.random.default_rng(seed)
    w, waiting = W0, np.empty(0, dtype=int)
    weights, of_batches, of_all = [], [], []
    for _ in range(num_steps + 1):
        if len(waiting) < BATCH:
            order = np.arange(NUM_SAMPLES) if rng is None else rng.permutation(NUM_SAMPLES)
            waiting = np.concatenate([waiting, order])
        chosen, waiting = waiting[:BATCH], waiting[BATCH:]
        loss, gradient = problem.subset(chosen).loss_and_gradient(w)
        weights.append(w)
        of_batches.append(loss)
        of_all.append(problem.loss(w))
        w = w - 0.1 * gradient
    return np.array(weights), np.array(of_batches), np.array(of_all)


@pytest.mark.parametrize("averaged", [True, False], ids=["mean", "sum"])
@pytest.mark.parametrize("seed", [None, SEED])
@pytest.mark.parametrize("losses", [None, *MODES])
def test_a_batch_run_is_the_loop_written_by_hand_bit_for_bit(losses, seed, averaged):
    problem = counted(averaged)
    weights, of_batches, of_all = hand_written(problem, NUM_STEPS, seed)
    run = descend(problem, seed=seed, losses=losses)
    rows = [0, 5, 10, 15, 20, 23]
    np.testing.assert_array_equal(run.steps, rows)
    np.testing.assert_array_equal(run.weights, weights[rows])
    np.testing.assert_array_equal(run.losses, of_all[rows])
    np.testing.assert_array_equal(run.step_losses, of_all if losses == "every" else of_batches)
    assert run.has_batch_losses == (losses != "every")
    assert run.num_gradients == NUM_STEPS


def test_only_rows_evaluate_the_whole_problem():
    problem = counted()
    descend(problem)
    assert problem.counts["gradient"] == [BATCH] * NUM_STEPS
    # Six rows, and the batch that would come next.
    assert sorted(problem.counts["loss"]) == [BATCH] + [NUM_SAMPLES] * 6


def test_on_request_every_step_evaluates_the_whole_loss():
    problem = counted()
    descend(problem, losses="every")
    assert problem.counts["gradient"] == [BATCH] * NUM_STEPS
    assert problem.counts["loss"] == [NUM_SAMPLES] * (NUM_STEPS + 1)


def test_a_record_between_rows_gets_the_whole_loss_and_only_there_it_is_evaluated():
    problem = counted()
    record = {"loss": gf.every(2, gf.records.loss), "norm": gf.every(4, gf.records.gradient_norm)}
    run = descend(problem, record=record)
    weights, _, of_all = hand_written(counted(), NUM_STEPS, SEED)
    np.testing.assert_array_equal(run.records["loss"], of_all[::2])
    norms = [np.linalg.norm(problem.loss_and_gradient(w)[1]) for w in weights[::4]]
    np.testing.assert_allclose(run.records["norm"], norms, rtol=1e-14)
    # Even steps up to 22 and the rows at odd steps: 5, 15, 23.
    assert problem.counts["loss"].count(NUM_SAMPLES) == 12 + 3


class Limit:
    """A callback, or an event's function, of the whole loss."""

    def __init__(self, level):
        self.level, self.seen = level, []

    def at_place(self, place):
        self.seen.append(place.loss)
        return place.loss < self.level


class Height(Limit):
    def at_place(self, place):
        return place.loss - self.level


def first_below(of_all, level):
    step = int(np.flatnonzero(of_all < level)[0])
    assert step % 5, "the run must end between two rows"
    return step


@pytest.mark.parametrize("losses", MODES)
@pytest.mark.parametrize("kind", ["callback", "event"])
def test_callbacks_and_events_see_the_whole_loss_and_the_last_row_has_it(kind, losses):
    _, _, of_all = hand_written(counted(), NUM_STEPS, SEED)
    level = (of_all[7] + of_all[8]) / 2
    step = first_below(of_all, level)
    hook = {"callback": Limit(level)} if kind == "callback" else {"events": {"low": gf.Event(Height(level))}}
    run = descend(losses=losses, **hook)
    assert run.outcome is gf.Outcome.EVENT
    assert run.steps[-1] == step
    assert run.final_loss == of_all[step]
    if kind == "callback":
        np.testing.assert_array_equal(hook["callback"].seen, of_all[1 : step + 1])


@pytest.mark.parametrize("losses", MODES)
def test_an_interrupt_between_rows_leaves_the_whole_loss_of_the_last_one(losses):
    _, _, of_all = hand_written(counted(), NUM_STEPS, SEED)

    def callback(t, w):
        if t > 0.65:
            signal.raise_signal(signal.SIGINT)

    run = descend(losses=losses, callback=callback)
    assert run.outcome is gf.Outcome.INTERRUPTED
    assert run.steps.tolist() == [0, 5, 7]
    np.testing.assert_array_equal(run.losses, of_all[[0, 5, 7]])
    assert len(run.step_losses) == 8


def test_a_whole_loss_that_fails_at_the_end_loses_no_run():
    class Failing(Counted):
        def loss(self, w):
            if self.counts["gradient"]:
                raise RuntimeError("out of order")
            return super().loss(w)

    problem = Failing(counted().inputs)
    run = descend(problem, callback=lambda t, w: t > 0.65, record_every=100)
    assert run.outcome is gf.Outcome.EVENT
    assert run.steps.tolist() == [0, 7]
    assert np.isnan(run.final_loss)
    assert np.isfinite(run.losses[0])


class Single(Counted):
    """E(w) = sum of c_p w^2 / 2 over samples p with these c_p."""

    num_weights = 1

    def subset(self, indices):
        return Single(self.inputs[indices], self.averaged, self.counts)


@pytest.mark.parametrize(("eta", "verdict"), [(0.19, "FINISHED"), (0.22, "DIVERGING"), (60.0, "DIVERGED")])
def test_verdicts_are_those_of_whole_losses(eta, verdict):
    # Each step takes one of two equal samples: w <- (1 - 10 eta) w, so the limit is eta = 0.2.
    problem = Single(np.full((2, 1), np.sqrt(10.0)), averaged=True)
    runs = [gf.descend(problem, [1.0], eta, 120, batch=1, losses=losses, record_every=50) for losses in MODES]
    assert [run.verdict for run in runs] == [verdict] * 2
    assert [run.diverged for run in runs] == [verdict != "FINISHED"] * 2
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)


def test_a_batch_that_stays_finite_does_not_hide_a_whole_loss_that_does_not():
    # The two batches taken are flat; the loss of the third sample overflows.
    outcomes = {
        steepness: gf.descend(Single(np.array([[0.0], [0.0], [steepness]])), [1.0], 0.1, 1, batch=1).outcome
        for steepness in (1e100, 1e200)
    }
    assert outcomes == {1e100: gf.Outcome.FINISHED, 1e200: gf.Outcome.DIVERGED}


@pytest.mark.parametrize("losses", MODES)
@pytest.mark.parametrize("cut", [5, 12])
def test_a_batch_run_goes_on_bit_for_bit_and_keeps_its_losses(losses, cut, tmp_path):
    whole, first = descend(losses=losses), descend(num_steps=cut, losses=losses)
    first.save(tmp_path / "run.npz")
    for run in (first, tmp_path / "run.npz"):
        run = gf.resume(run, counted(), num_steps=NUM_STEPS - cut)
        for name in ("steps", "weights", "losses", "step_times", "step_losses"):
            np.testing.assert_array_equal(getattr(run, name), getattr(whole, name))
        assert run.settings == whole.settings
        assert run.settings["losses"] == losses


def test_a_run_from_before_there_was_a_choice_goes_on_with_whole_losses():
    first = descend(num_steps=12, losses="every")
    del first.settings["losses"]
    run = gf.resume(first, counted(), num_steps=NUM_STEPS - 12)
    np.testing.assert_array_equal(run.step_losses, descend(losses="every").step_losses)


def test_a_checkpoint_between_rows_holds_the_whole_loss(tmp_path, monkeypatch):
    _, _, of_all = hand_written(counted(), NUM_STEPS, SEED)
    path, seen, now = tmp_path / "run.npz", [], [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])

    def callback(t, w):
        now[0] += 1.0
        if path.exists():
            seen.append(gf.Trajectory.load(path))

    descend(checkpoint=gf.Checkpoint(path, seconds=0.5), callback=callback)
    assert [int(run.steps[-1]) for run in seen] == list(range(1, NUM_STEPS))
    for run in seen:
        np.testing.assert_array_equal(run.losses, of_all[run.steps])


def test_what_the_losses_are_is_said():
    assert "at rows; `step_losses` are of batches of 4" in repr(descend())
    assert "batches" not in repr(descend(losses="every"))


def test_without_batches_every_step_has_the_whole_loss_and_may_say_so():
    runs = [descend(batch=None, seed=None, losses=losses) for losses in (None, "every")]
    np.testing.assert_array_equal(runs[0].step_losses, runs[1].step_losses)
    assert runs[0].settings == runs[1].settings
    assert not runs[0].has_batch_losses


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"losses": "all"}, "`losses` must be 'rows' or 'every', got 'all'"),
        ({"losses": 3}, "`losses` must be 'rows' or 'every', got 3"),
        ({"losses": "rows", "batch": None}, "`losses` must be left out without `batch`, got 'rows'"),
    ],
)
def test_other_losses_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        descend(**options)


@pytest.mark.parametrize("losses", MODES)
def test_the_progress_bar_says_whose_losses_it_shows(losses, capsys):
    descend(losses=losses, progress=True)
    assert ("steps, of batches of 4" in capsys.readouterr().err) == (losses == "rows")


def test_rows_that_cost_far_more_than_the_steps_are_warned_of():
    # 100 steps of 500 samples; a row takes 10,000, so that 100 rows take 20 times the steps and a million.
    problem = Counted(np.ones((10_000, 2)))
    run = {"num_steps": 100, "seed": None}
    descend(problem, batch=500, record_every=np.arange(1, 99), **run)
    with pytest.warns(
        gf.CostWarning, match=r"at each of 101 rows, 20 times as many .*`record_every`"
    ) as caught:
        descend(problem, batch=500, record_every=1, **run)
    assert caught[0].filename == __file__
    descend(problem, batch=506, record_every=1, **run)
    descend(problem, batch=500, record_every=1, losses="every", **run)
    descend(Counted(np.ones((9_900, 2))), batch=1, record_every=1, **run)
