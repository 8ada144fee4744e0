import numpy as np
import pytest

import gradflow as gf

Q = gf.problems.Quadratic([1.0, 4.0])
RUNS = [
    lambda **options: gf.descend(Q, [1.0, 1.0], 0.1, 4, **options),
    lambda **options: gf.integrate(gf.GradientFlow(Q), [1.0, 1.0], 0.4, times=5, **options),
]


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize(("first", "later"), [(0, 0.7), (True, 0.5), ("a", "longer"), (1, 2 + 1j)])
def test_a_record_keeps_what_its_function_returned_whatever_came_first(make, first, later):
    run = make(record={"value": lambda t, w: first if t == 0 else later})
    assert run.records["value"].tolist() == [first] + [later] * 4


@pytest.mark.parametrize("make", RUNS)
def test_a_record_that_changes_its_shape_is_a_bug_that_hands_over_the_rows_before(make):
    with pytest.raises(ValueError, match="record 'value' must return the same shape at every row") as caught:
        make(record={"value": lambda t, w: np.zeros(2 if t < 0.2 else 3)})
    run = caught.value.trajectory
    assert len(run.times) == len(run.records["value"]) > 1
    assert np.isnan(run.records["value"][-1]).all()


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("error", [gf.Undefined, np.linalg.LinAlgError, RuntimeError])
@pytest.mark.parametrize("when", [0.0, 0.15])
def test_a_record_without_a_value_is_nan_with_one_warning_and_the_run_goes_on(make, error, when):
    def record(t, w):
        if t >= when:
            raise error("no such number here")
        return t

    with pytest.warns(
        gf.RecordWarning, match="record 'value' has no value at t = .*no such number"
    ) as caught:
        run = make(record={"value": record})
    assert len(caught) == 1
    assert run.outcome is gf.Outcome.FINISHED
    np.testing.assert_array_equal(run.records["value"], np.where(run.times < when, run.times, np.nan))


def test_a_record_of_whole_numbers_has_room_for_a_gap():
    def record(t, w):
        if t == 0.0:
            raise gf.Undefined("not yet")
        return np.array([1, 2])

    with pytest.warns(gf.RecordWarning):
        run = RUNS[0](record={"value": record})
    assert np.isnan(run.records["value"][0]).all()
    assert run.records["value"][1:].tolist() == [[1, 2]] * 4


BUGS = {
    "record": {"record": {"value": lambda t, w: w[7]}},
    "event": {"events": {"value": gf.Event(lambda t, w: w[7])}},
    "callback": {"callback": lambda t, w: w[7]},
    "late record": {"record": {"value": lambda t, w: w[7] if t > 0.2 else 0.0}},
}


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_of_the_user_is_raised_and_hands_over_what_was_reached(make, name):
    with pytest.raises(IndexError) as caught:
        make(**BUGS[name])
    run = caught.value.trajectory
    assert len(run.times) >= 1
    assert np.isfinite(run.weights).all()
    assert any("attribute `trajectory`" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("value", [None, object(), [1, None]])
def test_a_record_of_what_is_no_number_is_refused_at_its_first_value(make, value):
    with pytest.raises(ValueError, match="record 'value' must return numbers or text, got"):
        make(record={"value": lambda t, w: value})


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("answer", [0.5, np.nan, 1, "stop", np.array([True, False])])
def test_a_callback_may_only_answer_true_false_or_nothing(make, answer):
    with pytest.raises(ValueError, match="`callback` must return True to stop the run") as caught:
        make(callback=lambda t, w: answer)
    assert len(caught.value.trajectory.times) >= 1


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize("answer", [True, np.True_, False, None, np.False_])
def test_a_callback_that_answers_true_stops_the_run(make, answer):
    run = make(callback=lambda t, w: answer)
    assert run.outcome is (gf.Outcome.EVENT if answer else gf.Outcome.FINISHED)


def test_a_rhythm_of_its_own_has_times_of_its_own():
    record = {"slow": gf.every(3, lambda t, w: w[0]), "row": lambda t, w: t}
    run = gf.descend(Q, [1.0, 1.0], 0.1, 10, record=record, record_every=4)
    np.testing.assert_allclose(run.record_times["slow"], [0.0, 0.3, 0.6, 0.9])
    np.testing.assert_allclose(run.records["slow"], 0.9 ** np.array([0, 3, 6, 9]))
    assert run.record_times["row"] is run.times
    flow = gf.integrate(gf.GradientFlow(Q), [1.0, 1.0], 1.0, record=record, times=[0.5])
    np.testing.assert_array_equal(flow.record_times["slow"], flow.step_times[::3])


@pytest.mark.parametrize("make", RUNS)
def test_ready_made_records_know_what_the_run_knows(make):
    record = {"loss": gf.records.loss, "norm": gf.records.gradient_norm, "sharpness": gf.records.sharpness()}
    run = make(record=record)
    np.testing.assert_array_equal(run.records["loss"], run.losses)
    np.testing.assert_allclose(run.records["norm"], np.linalg.norm(run.weights * [1.0, 4.0], axis=1))
    np.testing.assert_allclose(run.records["sharpness"], 4.0)


def test_a_batch_does_not_pass_for_the_whole_problem_in_a_record():
    inputs, targets = gf.datasets.xor()
    net = gf.problems.FeedForward(inputs, targets, (3,))
    w0 = net.initial_weights(0)
    run = gf.descend(net, w0, 0.1, 6, batch=1, record={"norm": gf.records.gradient_norm})
    expected = [np.linalg.norm(net.gradient(w)) for w in run.weights]
    np.testing.assert_allclose(run.records["norm"], expected)


class Whole:
    """A callback, record or event function that sees the whole place."""

    def __init__(self):
        self.places = []

    def at_place(self, place):
        self.places.append(place)
        return place.loss - 1e6


@pytest.mark.parametrize("make", RUNS)
def test_a_place_is_read_only_and_knows_step_loss_gradient_and_product(make):
    record, event = Whole(), Whole()
    make(record={"value": record}, events={"never": gf.Event(event)})
    for place in record.places:
        loss, gradient = Q.loss_and_gradient(place.weights)
        assert place.loss == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(place.gradient, gradient)
        np.testing.assert_allclose(place.product(np.ones(2)), [1.0, 4.0])
        with pytest.raises(ValueError, match="read-only"):
            place.weights[0] = 0.0
    assert [place.step for place in event.places] == sorted(place.step for place in event.places)


@pytest.mark.parametrize("make", RUNS)
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"record": {"a": 3}}, r"`record\['a'\]` must be a function"),
        ({"record": {"a": lambda w: w[0]}}, r"`record\['a'\]` must be a function of flow time and weights"),
        ({"record": {"a": gf.curvature.SharpnessTracker}}, r"`record\['a'\]` must be a function"),
        ({"record": ["a"]}, "`record` must map names"),
        ({"record": {1: lambda t, w: t}}, r"`record` must map names \(text\) to functions"),
        ({"record": {"a": gf.simulate.recording.Every(2, 3)}}, r"`record\['a'\]` must be a function"),
        ({"callback": 3}, "`callback` must be a function"),
        ({"events": gf.Event(lambda t, w: t)}, "`events` must map names"),
        ({"sketch": 5}, "`sketch` must be a Sketch"),
    ],
)
def test_what_is_no_function_is_refused_at_the_door(make, options, match):
    with pytest.raises(ValueError, match=match):
        make(**options)
