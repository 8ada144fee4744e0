"""Twenty losses as users write them: each runs as it should or is refused in one sentence."""

import contextlib
import math

import numpy as np
import pytest

import gradflow as gf

START = np.array([1.0, -0.5, 2.0])
HESSIAN = np.array([[2.0, 0.5, 0.0], [0.5, 3.0, 0.25], [0.0, 0.25, 1.0]])
SHEAR = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]])
BUFFER = np.empty(3)
RANDOM = np.random.default_rng(0)


def loss(w):
    return 0.5 * w @ HESSIAN @ w


def gradient(w):
    return HESSIAN @ w


def mutated(w):
    w *= 2.0
    return 0.125 * w @ HESSIAN @ w


def beyond(w):
    return loss(w) if w[0] > -1e3 else np.nan


RIGHT = {
    "plain": (loss, gradient),
    "own buffer": (loss, lambda w: np.matmul(HESSIAN, w, out=BUFFER)),
    "mutates its input": (mutated, gradient),
    "single precision": (lambda w: np.float32(loss(w)), lambda w: gradient(w).astype(np.float32)),
    "loss of shape (1,)": (lambda w: np.array([loss(w)]), gradient),
    "lists": (lambda w: [loss(w)], lambda w: gradient(w).tolist()),
    "nan far away": (beyond, gradient),
    "kink at the start": (lambda w: loss(w) + abs(w[0] - 1.0), lambda w: gradient(w) + np.array([0.5, 0, 0])),
    "large offset": (lambda w: loss(w) + 1e8, gradient),
    "tiny": (lambda w: 1e-12 * loss(w), lambda w: 1e-12 * gradient(w)),
}
SLOPE = "the gradient must be that of the loss, got a slope of .* differences of the loss give"
WRONG = {
    "wrong sign": (loss, lambda w: -gradient(w), SLOPE),
    "factor 2": (loss, lambda w: 2 * gradient(w), SLOPE),
    "factor 1 / N": (loss, lambda w: gradient(w) / 3, SLOPE),
    "single precision, factor 2": (
        lambda w: np.float32(loss(w)),
        lambda w: (2 * gradient(w)).astype(np.float32),
        SLOPE,
    ),
    "transposed": (lambda w: 0.5 * (SHEAR @ w) @ (SHEAR @ w), lambda w: SHEAR @ (SHEAR @ w), SLOPE),
    "reversed": (loss, lambda w: gradient(w)[::-1], SLOPE),
    "random loss": (lambda w: loss(w) + RANDOM.random(), gradient, "a function of the weights alone, got"),
    "random gradient": (
        loss,
        lambda w: gradient(w) + RANDOM.normal(size=3),
        "a function of the weights alone, got two evaluations",
    ),
}
REFUSED_BY_THE_RUN = {
    "gradient of shape (3, 1)": (loss, lambda w: gradient(w)[:, None], "`gradient` must return an array"),
    "loss of every weight": (lambda w: w**2, gradient, "`loss` must return one number"),
    "no loss": (lambda w: None, gradient, "`loss` must return numbers"),
}


def runs(problem):
    yield lambda: gf.descend(problem, START, 0.05, 4)
    yield lambda: gf.integrate(gf.GradientFlow(problem), START, 0.2, rtol=1e-3)


@pytest.mark.parametrize("name", RIGHT)
def test_a_loss_that_is_right_runs_downhill(name):
    for run in runs(gf.problems.from_callables(*RIGHT[name])):
        losses = run().losses
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_that_is_wrong_is_refused_each_time(name):
    loss, gradient, sentence = WRONG[name]
    for run in runs(gf.problems.from_callables(loss, gradient)):
        for _ in range(2):
            with pytest.raises(ValueError, match=sentence):
                run()


@pytest.mark.parametrize("name", REFUSED_BY_THE_RUN)
def test_what_is_no_loss_or_gradient_is_said_by_the_run(name):
    loss, gradient, sentence = REFUSED_BY_THE_RUN[name]
    with pytest.raises(ValueError, match=sentence):
        gf.descend(gf.problems.from_callables(loss, gradient), START, 0.05, 4)


def float32_relu():
    """Return loss, gradient and start of a relu network in float32 with biases and an input of 0."""
    rng = np.random.default_rng(1)
    x = np.vstack([np.zeros((1, 4)), rng.normal(size=(40, 4))]).astype(np.float32)
    y = np.sin(x.sum(axis=1))

    def passes(w):
        w = w.astype(np.float32)
        first, bias, last = w[:256].reshape(4, 64), w[256:320], w[320:]
        before = x @ first + bias
        gap = np.maximum(before, 0) @ last - y
        back = np.where(before > 0, gap[:, None] * last, 0) / np.float32(len(y))
        slope = np.concatenate([(x.T @ back).ravel(), back.sum(0), np.maximum(before, 0).T @ gap / len(y)])
        return 0.5 * np.mean(gap**2), slope

    start = rng.normal(size=384) / 8
    start[256:320] = 0.0
    return passes, start


def relu_at_a_kink(w):
    """Units at the very kink, whose slopes to both sides do not hold relu'(0) = 0 between them."""
    return np.maximum(w, 0).sum() - 0.5 * np.maximum(-w, 0).sum(), np.where(w > 0, 1.0, 0.5) * (w != 0)


def barrier(w):
    return 0.5 * w @ w - math.log(1 - w[0]), w + np.array([1 / (1 - w[0]), 0.0])


def hidden_single(w):
    """float32 inside, but no number of it looks like one."""
    inner = np.sin(w.astype(np.float32)).astype(np.float32)
    return float(inner @ inner) / 3.0, np.sin(2 * w.astype(np.float32)).astype(np.float64) / 3.0


def cosine_of(unit, size=1.0):
    """A loss that bends on the length `unit`."""
    return lambda w: (size * (1 - np.cos(w / unit)).sum(), size / unit * np.sin(w / unit))


def saddle(w):
    """Loss 0 at 0, as a sum of what is not 0, with a gradient that vanishes there."""
    return 0.5 * (w[0] * w[1] - 1) ** 2 - 0.5 + w[0] ** 3, np.array(
        [(w[0] * w[1] - 1) * w[1] + 3 * w[0] ** 2, (w[0] * w[1] - 1) * w[0]]
    )


def rosenbrock(w):
    gap = w[1] - w[0] ** 2
    return 1e8 * gap**2 + (1 - w[0]) ** 2, np.array([-4e8 * w[0] * gap - 2 * (1 - w[0]), 2e8 * gap])


def noisy(w):
    """Rounded to six digits in the loss, as a solver inside leaves it."""
    return float(f"{loss(w):.5e}"), gradient(w)


UNSUSPECTED = {
    "kinks of relu, single precision": float32_relu(),
    "relu at a kink": (relu_at_a_kink, np.zeros(3)),
    "absolute value at 0": (lambda w: (np.abs(w).sum(), np.sign(w)), np.zeros(3)),
    "edge of a domain near": (barrier, np.array([1 - 1e-8, 0.3])),
    "edge of a domain": (lambda w: (math.sqrt(w[0]) * w[0], 1.5 * np.sqrt(w)), np.zeros(1)),
    "hidden single precision": (hidden_single, np.array([0.3, -1.2, 2.0])),
    "loss of six digits": (noisy, START),
    "units of 1e-6": (cosine_of(1e-6), np.array([1.3e-6, -0.4e-6])),
    "units of 1e-6, far from 0": (cosine_of(1e-6), np.array([1.0, -0.4])),
    "units of 1e6": (cosine_of(1e6), np.array([1.3e6, -0.4e6])),
    "units of 1e6, from 0": (cosine_of(1e6, 1e-6), np.array([1e-3, 0.0])),
    "losses of 1e-30": (cosine_of(1.0, 1e-30), np.array([1.0, 0.5])),
    "losses of 1e30": (cosine_of(1.0, 1e30), np.array([1.0, 0.5])),
    "flat at a saddle": (saddle, np.zeros(2)),
    "flat at a minimum": (cosine_of(1.0), np.zeros(2)),
    "flat of the tenth order": (lambda w: ((w**10).sum() + 1, 10 * w**9), np.full(3, 1e-3)),
    "stiff": (rosenbrock, np.array([-1.2, 1.0])),
    "stiff, in the valley": (rosenbrock, np.array([-1.2, 1.44])),
    "steep": (lambda w: (np.exp(1e4 * w[0]), 1e4 * np.exp(1e4 * w)), np.zeros(1)),
    "plateau": (lambda w: (np.tanh(w).sum(), np.cosh(np.minimum(w, 700.0)) ** -2), np.full(2, 30.0)),
}


@pytest.mark.parametrize("name", UNSUSPECTED)
@pytest.mark.parametrize("is_joint", [True, False], ids=["joint", "apart"])
def test_a_gradient_is_not_suspected_where_it_is_right(name, is_joint):
    both, start = UNSUSPECTED[name]
    apart = (lambda w: both(w)[0], lambda w: both(w)[1])
    joint = (None, None, None) if is_joint else (*apart, None)
    problem = gf.problems.from_callables(*joint, loss_and_gradient=both if is_joint else None)
    gf.descend(problem, start, 1e-12, 1)


@pytest.mark.parametrize(
    "name", ["kinks of relu, single precision", "units of 1e-6", "units of 1e6", "stiff", "losses of 1e-30"]
)
@pytest.mark.parametrize("factor", [-1.0, 2.0, 0.5])
def test_a_gradient_is_refused_where_it_is_wrong_in_the_same_places(name, factor):
    both, start = UNSUSPECTED[name]

    def wrong(w):
        value, slope = both(w)
        return value, factor * slope

    with pytest.raises(ValueError, match=SLOPE):
        gf.descend(gf.problems.from_callables(None, loss_and_gradient=wrong), start, 1e-12, 1)


@pytest.mark.parametrize("scale", [0.03, 1.0, 30.0])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu"])
@pytest.mark.parametrize("number", [np.float64, np.float32])
def test_networks_are_judged_rightly_at_every_scale_and_in_single_precision(number, activation, scale):
    rng = np.random.default_rng(0)
    net = gf.problems.FeedForward(
        rng.normal(size=(30, 5)), rng.normal(size=(30, 3)), [8], activation=activation
    )
    # Saturated units leave single precision more noise than slope: there a wrong one may pass.
    for factor in (1.0,) if scale == 30.0 and number is np.float32 else (1.0, -1.0, 2.0):

        def passes(w, factor=factor):
            value, slope = net.loss_and_gradient(w.astype(number).astype(np.float64))
            return number(value), number(factor * slope)

        problem = gf.problems.from_callables(None, loss_and_gradient=passes)
        with contextlib.nullcontext() if factor == 1.0 else pytest.raises(ValueError, match=SLOPE):
            gf.descend(problem, scale * net.initial_weights(0), 1e-9, 1)


class Calls:
    """The loss with its gradient, and how often each was asked for."""

    def __init__(self, factor=1.0):
        self.factor, self.num_losses, self.num_gradients = factor, 0, 0

    def loss(self, w):
        self.num_losses += 1
        return loss(w)

    def gradient(self, w):
        self.num_gradients += 1
        return self.factor * gradient(w)

    def both(self, w):
        self.num_gradients += 1
        return loss(w), self.factor * gradient(w)


@pytest.mark.parametrize("start", [START, START / 3], ids=["few digits", "all digits"])
@pytest.mark.parametrize("is_joint", [True, False], ids=["joint", "apart"])
def test_every_gradient_of_the_check_is_one_of_the_run(is_joint, start):
    for run in (
        lambda problem: gf.integrate(gf.GradientFlow(problem), start, 1.0),
        lambda problem: gf.descend(problem, start, 0.05, 4, gradient_tolerance=1e-12),
    ):
        calls = Calls()
        functions = (None, None) if is_joint else (calls.loss, calls.gradient)
        problem = gf.problems.from_callables(*functions, loss_and_gradient=calls.both if is_joint else None)
        first = run(problem)
        assert first.num_gradients == calls.num_gradients
        second = run(problem)
        # Two gradients and, where a loss is one of them too, two losses; a flow takes one over, and looks
        # beside a start where the gradient could be one of float32.
        extra = (4 if is_joint else 2) - (first.is_continuous and start is not START)
        assert first.num_gradients == second.num_gradients + extra
        assert first.num_gradients + second.num_gradients == calls.num_gradients


@pytest.mark.parametrize("budget", [3, 99, 100, 300])
def test_a_budget_holds_with_the_check_in_it(budget):
    calls = Calls()
    flow = gf.GradientFlow(gf.problems.from_callables(None, loss_and_gradient=calls.both))
    run = gf.integrate(flow, START, 1e3, method="RK45", rtol=1e-10, max_evaluations=budget)
    assert run.outcome is gf.Outcome.BUDGET
    assert run.num_gradients == calls.num_gradients == budget


@pytest.mark.parametrize(("budget", "is_refused"), [(99, False), (100, True)])
def test_a_small_budget_is_left_to_the_run(budget, is_refused):
    calls = Calls(factor=2.0)
    flow = gf.GradientFlow(gf.problems.from_callables(None, loss_and_gradient=calls.both))
    with pytest.raises(ValueError, match=SLOPE) if is_refused else contextlib.nullcontext():
        gf.integrate(flow, START, 1.0, rtol=1e-2, max_evaluations=budget)
    assert calls.num_gradients <= budget


def test_resume_does_not_look_again():
    run = gf.descend(gf.problems.from_callables(loss, gradient), START, 0.05, 4)
    calls = Calls()
    whole = gf.resume(run, gf.problems.from_callables(calls.loss, calls.gradient), num_steps=3)
    assert calls.num_gradients == 3
    assert whole.num_gradients == run.num_gradients + 3


def test_the_check_can_be_switched_off():
    lax = gf.problems.from_callables(loss, lambda w: -gradient(w), check=False)
    assert gf.descend(lax, START, 0.05, 4).losses[-1] > loss(START)


def both(w, indices):
    gap = w - np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]])[indices]
    return 0.5 * (gap**2).sum() / len(indices), gap.mean(axis=0)


def test_a_loss_of_samples_takes_their_numbers():
    problem = gf.problems.from_callables(None, loss_and_gradient=both, num_samples=3)
    np.testing.assert_array_equal(problem.gradient([0.0, 0.0]), [-3.0, -3.0])
    np.testing.assert_array_equal(problem.subset([1, 2]).subset([1]).gradient([0.0, 0.0]), [-5.0, -1.0])
    run = gf.descend(problem, [0.0, 0.0], 1.0, 3, batch=1)
    np.testing.assert_array_equal(run.weights[-1], [5.0, 1.0])
    with pytest.raises(ValueError, match="`num_samples` must come with"):
        gf.problems.from_callables(loss, gradient, num_samples=3)


def test_a_given_linearization_is_used():
    problem = gf.problems.from_callables(
        loss, gradient, linearize=lambda w: (loss(w), gradient(w), lambda v: HESSIAN @ v)
    )
    np.testing.assert_array_equal(problem.linearize(START)[2](np.eye(3)), HESSIAN)
    np.testing.assert_array_equal(problem.hvp(START, np.eye(3)), HESSIAN)


def test_a_contract_names_what_fails(capsys):
    problem = gf.problems.from_callables(loss, gradient, hvp=lambda w, v: SHEAR @ v)
    contract = gf.problems.check_problem(problem, START)
    assert [each.name for each in contract.findings if not each.holds] == [
        "products against differences",
        "symmetric products",
    ]
    assert not contract.holds
    assert capsys.readouterr().out == f"{contract!r}\n"


@pytest.mark.parametrize("name", RIGHT)
def test_a_contract_holds_where_it_does(name):
    place = START + 0.25
    contract = gf.problems.check_problem(gf.problems.from_callables(*RIGHT[name]), place)
    assert contract.holds == (name != "kink at the start"), contract


def test_a_contract_holds_for_samples():
    data = gf.problems.FeedForward(np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2, [4])
    contract = gf.problems.check_problem(data, data.initial_weights(0))
    assert contract.holds
    assert contract.findings[-1].name == "subsets make the whole"


def test_curvature_of_a_single_precision_gradient_comes_back_with_what_it_is_good_for():
    def single(w):
        return (HESSIAN.astype(np.float32) @ np.sin(w.astype(np.float32))).astype(np.float32)

    problem = gf.problems.from_callables(loss, single, check=False)
    with pytest.warns(RuntimeWarning, match="can be vouched for|lets eigenvalues be vouched for"):
        found = gf.curvature.sharpness(problem, 1e-2 * np.ones(3))
    assert found == pytest.approx(np.linalg.eigvalsh(HESSIAN)[-1], rel=1e-3)


class Author:
    """What its author calls a problem: one member, wrong by a factor or not."""

    def __init__(self, factor=1.0):
        self.factor, self.calls = factor, 0

    def loss_and_gradient(self, w):
        self.calls += 1
        return loss(w), self.factor * gradient(w)


def test_an_object_with_one_member_is_looked_at_as_functions_are():
    for factor in (-1.0, 2.0):
        for run in (
            lambda author: gf.descend(author, START, 0.05, 4),
            lambda author: gf.integrate(gf.GradientFlow(author), START, 0.2),
        ):
            with pytest.raises(ValueError, match=SLOPE):
                run(Author(factor))
    right = Author()
    run = gf.descend(right, START, 0.05, 4)
    assert run.losses[-1] < run.losses[0]
    # The last loss comes alone, and a loss is not counted.
    assert run.num_gradients == right.calls - 1


def test_samples_of_an_author_are_not_looked_at_whole():
    class Samples(Author):
        num_samples = 8

        def subset(self, indices):
            return self

    author = Samples(-1.0)
    assert gf.descend(author, START, 0.05, 4, losses="rows", batch=2, record_every=4).steps[-1] == 4


def coarse(w):
    """Loss and gradient with a relative noise of 1e-3, as a sum over random samples leaves it."""
    noise = 1 + 1e-3 * RANDOM.standard_normal(4)
    return noise[0] * loss(w), noise[1:] * gradient(w)


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0])
def test_a_gradient_is_judged_by_the_precision_that_its_author_says(factor):
    def passes(w):
        value, slope = coarse(w)
        return value, factor * slope

    def run(**options):
        problem = gf.problems.from_callables(None, loss_and_gradient=passes, **options)
        return gf.descend(problem, START, 1e-9, 1)

    with pytest.raises(ValueError, match=f"{SLOPE}|two evaluations"):
        run()
    if factor == 1.0:
        assert run(gradient_precision=3e-3).steps[-1] == 1
    else:
        with pytest.raises(ValueError, match=SLOPE):
            run(gradient_precision=3e-3)


@pytest.mark.parametrize("precision", [0.0, -1.0, "fine", np.nan])
def test_a_precision_must_be_a_positive_number(precision):
    with pytest.raises(ValueError, match="`gradient_precision` must be a positive number"):
        gf.problems.from_callables(loss, gradient, gradient_precision=precision)


def test_a_contract_is_judged_by_the_precision_that_a_problem_says():
    problem = gf.problems.from_callables(None, loss_and_gradient=coarse, gradient_precision=3e-3)
    assert not gf.problems.check_problem(
        gf.problems.from_callables(None, loss_and_gradient=coarse), START
    ).holds
    findings = {each.name: each.holds for each in gf.problems.check_problem(problem, START).findings}
    assert findings["same twice"]
    assert findings["gradient against differences"]
