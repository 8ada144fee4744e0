"""What people bring to a door that takes something else: one sentence, which names the cure."""

import datetime
import functools
import inspect

import numpy as np
import pytest

import gradflow as gf

QUADRATIC = gf.problems.Quadratic([1.0, 4.0])
FLOW = gf.GradientFlow(QUADRATIC)
START = [1.0, 1.0]
DESCENT = functools.partial(gf.descend, QUADRATIC, START)
FOLLOW = functools.partial(gf.integrate, FLOW, START)
VALUE = gf.Event(lambda t, w: w[0], levels=0.5)


def loss(w):
    return (w**2).sum()


class Least:
    """The least that a problem is."""

    def loss_and_gradient(self, w):
        return w @ w / 2, w


def memory():
    return gf.problems.AssociativeMemory([[1.0, 0.0], [0.0, 1.0]])


def sentence(call, kind=ValueError):
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("`")
    return text


@pytest.mark.parametrize(
    ("call", "name", "cure"),
    [
        (lambda: gf.descend(loss, START, 0.1, 5), "problem", "gf.problems.from_callables(loss, gradient)"),
        (lambda: gf.descend(FLOW, START, 0.1, 5), "problem", "give its problem, flow.problem"),
        (lambda: gf.descend(memory(), START, 0.1, 5), "problem", "give its network, memory.learning"),
        (lambda: gf.integrate(QUADRATIC, START, 1.0), "flow", "give gf.GradientFlow("),
        (lambda: gf.integrate(Least(), START, 1.0), "flow", "give gf.GradientFlow("),
        (lambda: gf.integrate(loss, START, 1.0), "flow", "such as gf.GradientFlow(problem)"),
        (lambda: gf.integrate(gf.GradientFlow, START, 1.0), "flow", "such as gf.GradientFlow(problem)"),
        (lambda: gf.GradientFlow(loss), "problem", "gf.problems.from_callables(loss, gradient)"),
        (lambda: gf.GradientFlow(FLOW), "problem", "give its problem, flow.problem"),
        (lambda: gf.GradientFlow(memory()), "problem", "give its network, memory.learning"),
        (lambda: gf.GradientFlow(gf.problems.Quadratic), "problem", "make one of it first"),
        (lambda: gf.curvature.SharpnessTracker(loss), "problem", "from_callables(loss, gradient)"),
    ],
)
def test_what_moves_is_told_from_what_is_descended(call, name, cure):
    text = sentence(call)
    assert text.startswith(f"`{name}` must be")
    assert cure in text


def test_the_cures_for_what_moves_work():
    by_functions = gf.problems.from_callables(loss, lambda w: 2 * w)
    assert gf.descend(by_functions, START, 0.25, 1).final_weights.tolist() == [0.5, 0.5]
    assert gf.descend(FLOW.problem, START, 0.25, 1).final_weights.tolist() == [0.75, 0.0]
    network = memory().learning
    assert gf.descend(network, np.zeros(network.num_weights), 0.1, 1).outcome is gf.Outcome.FINISHED
    run = gf.integrate(gf.GradientFlow(Least()), START, 1.0, rtol=1e-9)
    np.testing.assert_allclose(run.final_weights, np.exp(-1.0), rtol=1e-8)


def test_a_comparison_is_one_of_two_trajectories():
    run = DESCENT(0.1, 5)
    assert "`reference` must be a trajectory, got 'x'" in sentence(lambda: gf.compare(run, "x"))
    assert "gf.Trajectory.load(path)" in sentence(lambda: gf.compare("x", run))
    assert "`reference` must be a trajectory, got 3" in sentence(lambda: gf.analysis.path_distance(run, 3))


def test_a_comparison_with_a_file_is_one_with_what_was_loaded_from_it(tmp_path):
    run = DESCENT(0.1, 5)
    run.save(tmp_path / "run.npz")
    assert gf.compare(run, gf.Trajectory.load(tmp_path / "run.npz")).largest_distance == 0.0


def test_a_tracker_works_on_a_problem_that_does_not_know_how_many_weights_it_has():
    # E = |w|^2 / 2 has the Hessian 1; its products are differences.
    tracker = gf.curvature.SharpnessTracker(Least())
    run = gf.descend(Least(), START, 0.5, 4, record={"sharpness": tracker})
    np.testing.assert_allclose(run.records["sharpness"], 1.0, rtol=1e-8)


@pytest.mark.parametrize("run", [functools.partial(DESCENT, 0.1, 5), functools.partial(FOLLOW, 1.0)])
@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"record": {"s": 1.0}}, ("`record['s']` must", "lambda t, w")),
        ({"record": {"s": lambda w: w[0]}}, ("`record['s']` must", "lambda t, w", "two arguments")),
        ({"record": {"s": Least}}, ("`record['s']` must", "lambda t, w")),
        ({"record": {1: lambda t, w: w}}, ("`record` must", "the name 1")),
        ({"record": [lambda t, w: w]}, ("`record` must", "{'first': lambda t, w")),
        ({"record": "loss"}, ("`record` must", "{'first': lambda t, w")),
        ({"events": VALUE}, ("`events` must", "{'name': gf.Event(...)}")),
        ({"events": [VALUE]}, ("`events` must", "{'name': gf.Event(...)}")),
        ({"events": {"half": lambda t, w: w[0]}}, ("`events` must", "to Event", "'half'")),
        ({"events": {1: VALUE}}, ("`events` must", "the name 1")),
        ({"callback": lambda w: None}, ("`callback` must", "lambda t, w")),
        ({"callback": 1.0}, ("`callback` must", "lambda t, w")),
    ],
)
def test_what_a_run_calls_on_its_way_is_checked_before_its_first_step(run, option, says):
    text = sentence(lambda: run(**option))
    assert all(part in text for part in says), text


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("adam", "gf.rules.Adam(0.1)"),
        ("heavy-ball", "gf.rules.HeavyBall(0.1, momentum=0.9)"),
        ("sgd", "gf.rules.GradientDescent(0.1)"),
        ("unheard-of", "gf.rules.GradientDescent(0.1)"),
        (gf.rules.Nesterov, "gf.rules.Nesterov(0.1, momentum=0.9)"),
        (gf.rules.Projected, "gf.rules.GradientDescent(0.1)"),
    ],
)
def test_a_rule_by_name_or_by_class_is_told_how_to_make_one(given, cure):
    text = sentence(lambda: DESCENT(given, 5))
    assert text.startswith("`rule` must be a learning rate or a rule such as")
    assert cure in text
    made = eval(cure, {"gf": gf})
    assert DESCENT(made, 5).steps[-1] == 5


def test_a_list_of_learning_rates_is_one_per_weight_or_one_per_step():
    assert sentence(lambda: DESCENT([0.1, 0.1, 0.1], 5)) == (
        "`learning_rate` must be one for each of the 2 weights or for each of the 5 steps, got 3 of them"
    )
    # Both sides: as many as weights, and as many as steps.
    np.testing.assert_allclose(DESCENT([0.5, 0.125], 1, step_size=1.0).final_weights, [0.5, 0.5])
    np.testing.assert_allclose(DESCENT([0.5, 0.25, 0.125], 3).final_weights[0], 0.5 * 0.75 * 0.875)


@pytest.mark.parametrize(
    ("call", "name", "cure"),
    [
        (lambda: FOLLOW(1.0, t_eval=[0.5]), "t_eval", "times="),
        (lambda: FOLLOW(t_span=(0, 1)), "t_span", "end_time="),
        (lambda: FOLLOW(1.0, lr=0.1), "lr", "gf.descend"),
        (lambda: FOLLOW(1.0, rate=2.0), "rate", "gf.GradientFlow(problem, rate)"),
        (lambda: FOLLOW(1.0, momentum=0.9), "momentum", "gf.rules.HeavyBall"),
        (lambda: FOLLOW(1.0, batch_size=1), "batch_size", "batch="),
        (lambda: FOLLOW(1.0, recrod={}), "recrod", "record="),
        (lambda: DESCENT(0.1, 5, momentum=0.9), "momentum", "gf.rules.HeavyBall"),
        (lambda: DESCENT(0.1, 5, batch_size=2), "batch_size", "batch="),
        (lambda: DESCENT(lr=0.1, num_steps=5), "lr", "rule="),
        (lambda: DESCENT(learning_rate=0.1, num_steps=5), "learning_rate", "rule="),
        (lambda: DESCENT(0.1, epochs=5), "epochs", "num_steps="),
        (lambda: DESCENT(0.1, 5, end_tim=5), "end_tim", "end_time="),
        (lambda: gf.resume(DESCENT(0.1, 5), QUADRATIC, lr=0.1), "lr", "rule="),
    ],
)
def test_an_argument_by_its_name_elsewhere_is_told_its_name_here(call, name, cure):
    text = sentence(call, TypeError)
    assert text.startswith(f"`{name}` must not be given")
    assert cure in text.partition(": give ")[2]


def test_a_keyword_that_is_like_nothing_is_refused_without_advice():
    text = sentence(lambda: DESCENT(0.1, 5, zzz=1), TypeError)
    assert text == "`zzz` must not be given, descend has no such argument"


@pytest.mark.parametrize("door", [gf.descend, gf.integrate, gf.resume])
def test_doors_show_their_arguments_and_their_documentation(door):
    parameters = inspect.signature(door).parameters.values()
    assert all(each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters)
    assert all(each.name in door.__doc__ for each in parameters)


def test_every_cure_names_an_argument_that_is_there():
    from gradflow.simulate.keywords import FOR_DESCENT, FOR_FLOW

    for door, cures in ((gf.descend, FOR_DESCENT), (gf.integrate, FOR_FLOW)):
        known = inspect.signature(door).parameters
        assert not known.keys() & cures.keys()
        for cure in cures.values():
            first = cure.split("=")[0].split(",")[0].split()[0]
            assert first in known or "gf." in cure, cure


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: FOLLOW((0, 1)), ("`end_time` must be one time", "start_time=")),
        (lambda: DESCENT(0.1, end_time=(0, 1)), ("`end_time` must be one time", "starts at 0")),
        (lambda: FOLLOW(-1.0), ("`end_time` must be later than the start time 0",)),
        (lambda: FOLLOW("later"), ("`end_time` must be numbers",)),
        (lambda: FOLLOW(1.0, times="all"), ("`times` must be an array of flow times, or how many", "'all'")),
        (lambda: FOLLOW(1.0, times=["a", "b"]), ("`times` must be numbers",)),
        (lambda: FOLLOW(1.0, times=0.5), ("`times` must be an array of flow times, or how many", "0.5")),
        (lambda: FOLLOW(1.0, times=True), ("`times` must be an array of flow times, or how many",)),
        (lambda: FOLLOW(1.0, times=1), ("`times` must be a whole number of at least 2",)),
        (lambda: FOLLOW(1.0, times=[0.5, 2.0]), ("`times` must increase from at least 0 to at most 1",)),
    ],
)
def test_times_are_flow_times(call, says):
    text = sentence(call)
    assert all(part in text for part in says), text


@pytest.mark.parametrize(
    "given",
    [
        [datetime.datetime(2026, 1, 1)] * 2,
        np.array(["2026-01-01", "2026-01-02"], "M8[D]"),
        np.array([1, 2], "m8[s]"),
        datetime.datetime(2026, 1, 1),
        ["1", "2"],
        [1j, 2j],
        [None, 1.0],
    ],
)
@pytest.mark.parametrize(
    "run", [lambda w: gf.descend(QUADRATIC, w, 0.1, 5), lambda w: gf.integrate(FLOW, w, 1.0)]
)
def test_weights_are_numbers(run, given):
    assert sentence(lambda: run(given)).startswith("`w0` must be ")
