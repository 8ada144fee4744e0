"""A loss written with JAX: any tree of parameters, exact products, samples, and what is refused."""

import pickle
from functools import partial

import numpy as np
import pytest

import gradflow as gf

jax = pytest.importorskip("jax")
jnp = jax.numpy


def half_square(params, inputs, targets):
    return 0.5 * jnp.mean((inputs @ params["slope"] + params["offset"] - targets) ** 2)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 3)), rng.normal(size=12)


@pytest.fixture
def params():
    return {"offset": jnp.float32(0.5), "slope": jnp.array([1.0, -2.0, 0.25])}


def least_squares(data):
    """The same loss in closed form: Hessian and gradient at w, with the offset first."""
    design = np.column_stack([np.ones(len(data[1])), data[0]])
    hessian = design.T @ design / len(design)
    return hessian, lambda w: hessian @ w - design.T @ data[1] / len(design)


def test_a_loss_with_data_is_a_problem_with_samples_and_a_start(data, params):
    problem = gf.problems.from_jax(half_square, params, data)
    assert isinstance(problem, gf.problems.Problem)
    assert isinstance(problem, gf.problems.Sampled)
    assert isinstance(problem, gf.problems.Start)
    assert not isinstance(gf.problems.from_jax(lambda w: w @ w, jnp.ones(2)), gf.problems.Sampled)
    np.testing.assert_array_equal(problem.initial_weights(), [0.5, 1.0, -2.0, 0.25])
    assert repr(problem) == "JaxProblem(4 weights, float32, 12 samples)"


def test_derivatives_are_those_of_the_closed_form_in_single_precision(data, params):
    problem, (hessian, gradient) = gf.problems.from_jax(half_square, params, data), least_squares(data)
    w = problem.initial_weights()
    loss, slope, product = problem.linearize(w)
    assert (loss, slope.tolist()) == (problem.loss_and_gradient(w)[0], problem.gradient(w).tolist())
    np.testing.assert_allclose(slope, gradient(w), rtol=0, atol=1e-6 * np.abs(gradient(w)).max())
    np.testing.assert_allclose(product(np.eye(4)), hessian, rtol=0, atol=1e-6)
    np.testing.assert_allclose(product(np.eye(4)[1]), hessian[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(problem.hvp(w, np.eye(4)[2]), hessian[2], rtol=0, atol=1e-6)
    assert slope.dtype == product(w).dtype == np.float64


def test_doubles_are_computed_in_double_precision(data):
    with jax.enable_x64(True):
        params = {"offset": jnp.float64(0.5), "slope": jnp.array([1.0, -2.0, 0.25])}
        problem, (hessian, gradient) = gf.problems.from_jax(half_square, params, data), least_squares(data)
        w = problem.initial_weights()
        np.testing.assert_allclose(problem.gradient(w), gradient(w), rtol=1e-13)
        np.testing.assert_allclose(problem.linearize(w)[2](np.eye(4)), hessian, rtol=0, atol=1e-14)


def test_what_the_caller_writes_into_its_weights_changes_no_product(data, params):
    problem = gf.problems.from_jax(lambda p: jnp.sum(p**4), jnp.array([1.0, 2.0]))
    w = problem.initial_weights()
    product = problem.linearize(w)[2]
    w[:] = 0.0
    np.testing.assert_array_equal(product([1.0, 1.0]), [12.0, 48.0])


def test_nothing_is_traced_again_at_other_weights_or_for_another_subset_of_one_size(data, params):
    traces = []

    def counted(params, inputs, targets):
        traces.append(1)
        return half_square(params, inputs, targets)

    problem = gf.problems.from_jax(counted, params, data)
    w = problem.initial_weights()

    def evaluate(part, w):
        part.loss_and_gradient(w)
        part.linearize(w)[2](w)

    evaluate(problem, w)
    evaluate(problem.subset([0, 1]), w)
    before = len(traces)
    for k in range(3):
        evaluate(problem, w + k)
        evaluate(problem.subset([k, k + 5]), w)
    assert len(traces) == before


def test_subsets_average_to_the_whole(data, params):
    problem = gf.problems.from_jax(half_square, params, data)
    w = problem.initial_weights()
    parts = [problem.subset(range(k, k + 4)).gradient(w) for k in (0, 4, 8)]
    np.testing.assert_allclose(np.mean(parts, axis=0), problem.gradient(w), rtol=1e-5)
    with pytest.raises(ValueError, match="`indices` must lie in 0 to 11"):
        problem.subset([12])


def test_weights_and_trees_turn_into_each_other(data, params):
    problem = gf.problems.from_jax(half_square, params, data)
    tree = problem.unflatten([1.0, 2.0, 3.0, 4.0])
    assert float(tree["offset"]) == 1.0
    np.testing.assert_array_equal(tree["slope"], [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(problem.flatten(tree), [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="`params` must have the structure"):
        problem.flatten([1.0])


def test_a_problem_is_pickled_with_its_data(data, params):
    problem = gf.problems.from_jax(half_square, params, data).subset([3, 5])
    again = pickle.loads(pickle.dumps(problem))
    w = problem.initial_weights()
    assert again.loss(w) == problem.loss(w)
    assert repr(again) == repr(problem)


def test_leaves_at_the_root_are_layers_and_so_are_pairs_in_a_list():
    pairs = [(jnp.ones((2, 2)), jnp.ones(2)), (jnp.ones((1, 2)), jnp.ones(1))]

    def halved(factors, params):
        leaves = jax.tree_util.tree_leaves(params)
        return 0.5 * sum(k * jnp.sum(leaf**2) for k, leaf in zip(factors, leaves, strict=True))

    problem = gf.problems.from_jax(partial(halved, (1, 2, 3, 4)), pairs)
    assert gf.curvature.layer_sharpness(problem, problem.initial_weights()) == pytest.approx([2, 4])
    problem = gf.problems.from_jax(partial(halved, (3, 5)), {"in": jnp.ones(3), "out": jnp.ones(2)})
    assert gf.curvature.layer_sharpness(problem, problem.initial_weights()) == pytest.approx([3, 5])


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"w": jnp.ones(2), "act": jnp.tanh}, r"\['act'\]"),
        ([jnp.ones(2), jnp.arange(3)], r"\[1\]"),
        ([True], r"\[0\]"),
    ],
)
def test_leaves_that_are_not_weights_are_named(params, shown):
    with pytest.raises(ValueError, match=r"`params` must hold floating-point arrays alone.*" + shown):
        gf.problems.from_jax(lambda p: jnp.sum(p["w"]), params)


@pytest.mark.parametrize(
    "loss", [lambda w: w, lambda w: jnp.sum(w)[None], lambda w: None, lambda w: 1j * w[0]]
)
def test_a_loss_that_is_not_one_number_is_refused(loss):
    with pytest.raises(ValueError, match="`loss` must return one real number, got"):
        gf.problems.from_jax(loss, jnp.ones(2))


def test_a_loss_that_differs_between_two_evaluations_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="`loss` must be a function of the weights alone, got two evalu"):
        gf.problems.from_jax(lambda w: jnp.sum(w) * rng.random(), jnp.ones(2))


@pytest.mark.parametrize("data", [(np.ones((3, 2)), np.ones(4)), (1.0, np.ones(3)), ()])
def test_data_that_are_no_samples_are_refused(data):
    with pytest.raises(ValueError, match="`data` must be arrays"):
        gf.problems.from_jax(half_square, jnp.ones(2), data)


def test_equinox_and_flax_come_through_the_one_door(data):
    equinox, flax_nnx, linen = (pytest.importorskip(n) for n in ("equinox", "flax.nnx", "flax.linen"))
    inputs, targets = data
    key = jax.random.key(0)
    eqx_params, static = equinox.partition(equinox.nn.MLP(3, 1, 4, 1, key=key), equinox.is_inexact_array)
    graph, state = flax_nnx.split(flax_nnx.Linear(3, 1, rngs=flax_nnx.Rngs(0)))
    dense = linen.Dense(1)

    def mean_square(apply, params, inputs, targets):
        return jnp.mean((apply(params, inputs)[:, 0] - targets) ** 2)

    cases = [
        (lambda p, x: jax.vmap(equinox.combine(p, static))(x), eqx_params, [16, 5]),
        (lambda p, x: flax_nnx.merge(graph, p)(x), state, [1, 3]),
        (dense.apply, dense.init(key, inputs), [4]),
    ]
    for apply, params, sizes in cases:
        size = sum(sizes)
        problem = gf.problems.from_jax(partial(mean_square, apply), params, (inputs, targets))
        assert problem.num_weights == size
        # Kernel and offset of one layer belong together, unless the layer is all there is.
        assert [part.size for part in problem.layers()] == sizes
        assert np.array_equal(np.sort(np.concatenate(problem.layers())), np.arange(size))
        w = problem.initial_weights()
        direction = np.ones(size) / np.sqrt(size)
        slope = (problem.loss(w + 1e-2 * direction) - problem.loss(w - 1e-2 * direction)) / 2e-2
        assert problem.gradient(w) @ direction == pytest.approx(slope, rel=2e-3, abs=1e-4)
        flow = gf.integrate(gf.GradientFlow(problem), w, end_time=0.1, rtol=1e-3)
        assert flow.losses[-1] < flow.losses[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_precision_is_that_of_the_parameters(dtype):
    problem = gf.problems.from_jax(lambda w: jnp.sum(jnp.cosh(w)), jnp.ones(3, dtype))
    assert problem.gradient_precision == float(jnp.finfo(dtype).eps)
    with pytest.warns(RuntimeWarning, match="vouched for to .* not to tol 1e-09"):
        value = gf.curvature.sharpness(problem, [1.0, 2.0, 3.0], 1e-9)
    assert value == pytest.approx(np.cosh(3.0), rel=8 * problem.gradient_precision)
    # What was said is met without a word.
    gf.curvature.sharpness(problem, [1.0, 2.0, 3.0], 9 * problem.gradient_precision)
