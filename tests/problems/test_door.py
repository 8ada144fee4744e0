"""Twenty losses as users write them: each runs as it should or is refused in one sentence."""

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
        lambda w: gradient(w) * (1 + 0.1 * RANDOM.random()),
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


def test_the_check_is_made_once_and_can_be_switched_off():
    calls = []

    def counted(w):
        calls.append(1)
        return loss(w)

    problem = gf.problems.from_callables(counted, gradient)
    gf.descend(problem, START, 0.05, 4)
    first = len(calls)
    gf.descend(problem, START, 0.05, 4)
    assert first > 2 * (len(calls) - first)
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
