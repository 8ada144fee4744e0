import numpy as np
import pytest

from gradflow.analysis.stability import critical_learning_rate, linear_stability
from gradflow.analysis.stability.orbit import period_of, settles
from gradflow.problems import Catapult, DoubleWell, Quadratic, SigmoidNeuron
from gradflow.rules import GradientDescent, HeavyBall, Nesterov


@pytest.mark.parametrize("make", [HeavyBall, Nesterov])
@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_on_one_weight_it_is_the_linear_limit(make, momentum):
    rule = make(1.0, momentum)
    found = critical_learning_rate(Quadratic(2.0), [1.0], rule=rule)
    assert found == pytest.approx(linear_stability(rule, 2.0), rel=1e-4)


@pytest.mark.parametrize("question", ["converges", "monotone"])
def test_plain_descent_on_a_quadratic_answers_both_questions_at_two_over_lambda(question):
    assert critical_learning_rate(Quadratic([1.0, 4.0]), [1.0, 1.0], question=question) == pytest.approx(
        0.5, rel=1e-4
    )


def test_the_double_well_converges_up_to_1_and_is_monotone_less_far():
    converges = critical_learning_rate(DoubleWell(), [0.9], num_steps=4000)
    monotone = critical_learning_rate(DoubleWell(), [0.9], question="monotone")
    assert converges == pytest.approx(1.0, abs=1e-3)
    assert 0.5 < monotone < converges


def test_the_catapult_converges_up_to_nearly_4():
    problem = Catapult(200)
    w0 = problem.initial_weights()
    found = critical_learning_rate(problem, w0, num_steps=300, tol=1e-3) * problem.kernel(w0)
    assert 3.5 < found < 4.1


def test_the_result_says_yes_and_a_little_more_says_no():
    found = critical_learning_rate(DoubleWell(), [0.5], question="monotone", tol=1e-8)
    for rate, answer in ((found, True), (found * (1 + 2e-8), False)):
        w, losses = np.array([0.5]), []
        for _ in range(2001):
            losses.append(DoubleWell().loss(w))
            w = w - rate * DoubleWell().gradient(w)
        assert (np.diff(losses).max() <= 1e-14) == answer


def test_where_every_learning_rate_gives_the_same_answer_that_is_said():
    with pytest.raises(ValueError, match="lowers the loss at every step"):
        critical_learning_rate(SigmoidNeuron(), [3.0], question="monotone", num_steps=50)
    with pytest.raises(ValueError, match="none down to"):
        critical_learning_rate(Quadratic(-1.0), [1.0], num_steps=50)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"question": "terminates"}, "`question` must be 'converges' or 'monotone'"),
        ({"num_steps": 5}, "`num_steps` must be a whole number of at least 32"),
        ({"tol": 0.0}, "`tol` must be a positive number"),
        ({"rule": 0.1}, "`rule` must be a rule whose learning rate can be replaced"),
    ],
)
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        critical_learning_rate(Quadratic(1.0), [1.0], **options)


def test_the_rules_own_learning_rate_is_ignored():
    found = {critical_learning_rate(Quadratic(1.0), [1.0], rule=GradientDescent(eta)) for eta in (0.1, 100.0)}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0.99 ** np.arange(400), True),
        (1.0 / np.arange(400, 800), True),
        (1.01 ** np.arange(400), False),
        (1.0 + 0.9 ** np.arange(400), False),
        (np.ones(400), False),
        (np.random.default_rng(0).random(400), False),
        (np.zeros(400), True),
    ],
    ids=["exponential", "algebraic", "growing", "towards a cycle", "cycle", "chaos", "rest"],
)
def test_only_steps_that_die_away_settle(steps, expected):
    assert settles(np.asarray(steps), 1.0) == expected


@pytest.mark.parametrize(
    ("values", "period"),
    [([1.0] * 60, 1), ([1.0, 2.0] * 30, 2), ([1.0, 2.0, 1.0, 2.1] * 15, 4), (np.arange(60.0), 0)],
)
def test_the_period_is_the_smallest_one(values, period):
    assert period_of(np.array(values)[:, None], 1.0) == period
