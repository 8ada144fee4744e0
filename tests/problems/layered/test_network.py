"""The feed-forward network against plain numpy, autograd, finite differences and closed forms."""

import gc
import pickle
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import erf, expit, log_softmax

from gradflow.kernels.activations import ACTIVATIONS
from gradflow.problems.layered.network import FeedForward

PLAIN = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": expit,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(x, 0),
    "swish": lambda x: x * expit(x),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
}
NUM_SAMPLES, NUM_INPUTS, NUM_OUTPUTS = 5, 3, 4
WIDTHS = [(), (4,), (4, 3), (3, 1, 4)]
INPUTS = np.random.default_rng(7).normal(size=(NUM_SAMPLES, NUM_INPUTS))
LABELS = np.array([2, 0, 3, 1, 2])
KINK = 0.01


def network(widths=(4, 3), loss="squared", inputs=INPUTS, **options):
    """A network with labels of four classes."""
    return FeedForward(inputs, LABELS[: len(inputs)], widths, loss=loss, **options)


def forward(layers, inputs, activation, outer=("identity", "identity"), offsets=None):
    """Return all x_n (N, width) and the outputs of the network in plain numpy, x_n shifted by `offsets`."""
    y, totals = PLAIN[outer[0]](inputs), []
    for n, (kernel, bias) in enumerate(layers):
        x = y @ kernel.T + (0 if bias is None else bias)
        if offsets is not None:
            x = x + offsets[n]
        totals.append(x)
        y = PLAIN[outer[1] if n + 1 == len(layers) else activation](x)
    return totals, y


def plain_loss(y, targets, loss):
    if loss == "squared":
        return ((y - targets) ** 2).sum() / (2 * len(y))
    return -(targets * log_softmax(y, axis=1)).sum() / len(y)


def random_weights(problem, activation, inputs=INPUTS, outer=("identity", "identity")):
    """Return random weights and biases at which no x_n is near 0, where relu has its kink."""
    for seed in range(1000):
        w = np.random.default_rng(seed).normal(size=problem.num_weights)
        totals, _ = forward(problem.unflatten(w), inputs, activation, outer)
        if min(abs(x).min() for x in totals) > KINK:
            return w
    raise AssertionError("every draw has an x_n near 0")


def slopes(function, w, step=2e-4):
    """Return d function / dw_i in rows by the central difference of fourth order."""
    rows = []
    for shift in step * np.eye(w.size):
        one = function(w + shift) - function(w - shift)
        two = function(w + 2 * shift) - function(w - 2 * shift)
        rows.append((8 * one - two) / (12 * step))
    return np.array(rows)


def assert_derivatives_agree(problem, w):
    gradient = problem.gradient(w)
    size = np.linalg.norm(gradient)
    np.testing.assert_allclose(slopes(problem.loss, w), gradient, rtol=0, atol=1e-8 * size)
    hessian = problem.hvp(w, np.eye(w.size))
    difference = slopes(problem.gradient, w)
    np.testing.assert_allclose(hessian, difference, rtol=0, atol=1e-6 * np.linalg.norm(difference))


grid = pytest.mark.parametrize(
    ("activation", "loss", "widths", "bias"),
    [
        pytest.param(a, e, h, b, id=f"{a}-{e}-{len(h)} hidden-{'bias' if b else 'no bias'}")
        for a in PLAIN
        for e in ("squared", "cross_entropy")
        for h in WIDTHS
        for b in (True, False)
    ],
)
each_activation = pytest.mark.parametrize("activation", PLAIN)
each_loss = pytest.mark.parametrize("loss", ["squared", "cross_entropy"])


@grid
def test_gradient_and_hvp_are_derivatives(activation, loss, widths, bias):
    problem = network(widths, loss, activation=activation, bias=bias)
    assert_derivatives_agree(problem, random_weights(problem, activation))


@each_activation
@each_loss
def test_derivatives_hold_for_outer_activations(activation, loss):
    outer = activation, activation
    problem = network(
        (3,), loss, activation="tanh", input_activation=activation, output_activation=activation
    )
    assert_derivatives_agree(problem, random_weights(problem, "tanh", outer=outer))


@each_activation
@each_loss
def test_derivatives_hold_for_widths_of_one_and_a_single_sample(activation, loss):
    inputs = INPUTS[:1, :1]
    problem = FeedForward(inputs, [[1.0]], (1, 1), activation=activation, loss=loss)
    assert_derivatives_agree(problem, random_weights(problem, activation, inputs))


@grid
def test_loss_and_outputs_are_those_of_plain_numpy(activation, loss, widths, bias):
    problem = network(widths, loss, activation=activation, bias=bias)
    w = random_weights(problem, activation)
    _, y = forward(problem.unflatten(w), INPUTS, activation)
    np.testing.assert_allclose(problem.predict(w, INPUTS), y, rtol=1e-12, atol=1e-14)
    assert problem.loss(w) == pytest.approx(plain_loss(y, np.eye(4)[LABELS], loss), rel=1e-12)


@grid
def test_loss_gradient_and_hessian_are_those_of_autograd(activation, loss, widths, bias):
    pytest.importorskip("autograd")
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import erf as aerf

    functions = {
        "identity": lambda x: x,
        "tanh": anp.tanh,
        "sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
        "relu": lambda x: anp.maximum(x, 0),
        "softplus": lambda x: anp.logaddexp(x, 0),
        "swish": lambda x: x / (1 + anp.exp(-x)),
        "gelu": lambda x: x * (1 + aerf(x / np.sqrt(2))) / 2,
    }
    problem = network(widths, loss, activation=activation, bias=bias)
    shapes = [kernel.shape for kernel, _ in problem.unflatten(np.zeros(problem.num_weights))]
    targets = np.eye(4)[LABELS]

    def second_implementation(w):
        y, start = INPUTS, 0
        for n, (above, below) in enumerate(shapes):
            stop = start + above * (below + bias)
            block = anp.reshape(w[start:stop], (above, below + bias))
            x = anp.dot(y, block[:, :below].T) + (block[:, below] if bias else 0.0)
            y = x if n + 1 == len(shapes) else functions[activation](x)
            start = stop
        if loss == "squared":
            return anp.sum((y - targets) ** 2) / (2 * NUM_SAMPLES)
        totals = anp.log(anp.sum(anp.exp(y), axis=1))
        return anp.sum(totals - anp.sum(targets * y, axis=1)) / NUM_SAMPLES

    w = random_weights(problem, activation)
    value, gradient = autograd.value_and_grad(second_implementation)(w)
    assert problem.loss(w) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(problem.gradient(w), gradient, rtol=0, atol=1e-13 * abs(gradient).max())
    v = np.random.default_rng(1).normal(size=w.size)
    product = autograd.hessian_vector_product(second_implementation)(w, v)
    np.testing.assert_allclose(problem.hvp(w, v), product, rtol=0, atol=1e-12 * abs(product).max())


@pytest.mark.parametrize("widths", WIDTHS)
@each_loss
def test_hvp_is_symmetric_and_takes_columns_one_by_one_or_together(widths, loss):
    problem = network(widths, loss)
    w = random_weights(problem, "tanh")
    hessian = problem.hvp(w, np.eye(w.size))
    np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-14 * abs(hessian).max())
    block = np.random.default_rng(1).normal(size=(w.size, 5))
    columns = np.column_stack([problem.hvp(w, v) for v in block.T])
    np.testing.assert_allclose(problem.hvp(w, block), columns, rtol=0, atol=1e-13 * abs(columns).max())
    assert problem.hvp(w, block[:, :0]).shape == (w.size, 0)


def test_products_in_many_chunks_equal_those_in_one(monkeypatch):
    problem = network()
    w = random_weights(problem, "tanh")
    whole = problem.hvp(w, np.eye(w.size))
    monkeypatch.setattr("gradflow.problems.layered.hessian_products._CHUNK_BYTES", 7 * 32 * NUM_SAMPLES * 11)
    np.testing.assert_allclose(problem.hvp(w, np.eye(w.size)), whole, rtol=0, atol=1e-15 * abs(whole).max())


def test_a_product_stays_right_whatever_is_called_afterwards():
    problem = network(loss="cross_entropy")
    first, second = np.random.default_rng(0).normal(size=(2, problem.num_weights))
    v, kept = second.copy(), first.copy()
    expected = problem.hvp(first, v)
    _, _, product = problem.linearize(first)
    first[:] = np.nan
    problem.loss_and_gradient(second), problem.hvp(second, v), problem.predict(second, INPUTS)
    _, _, other = problem.linearize(second)
    problem.subset([0, 1]).gradient(second)
    np.testing.assert_array_equal(product(v), expected)
    np.testing.assert_array_equal(other(v), problem.hvp(second, v))
    np.testing.assert_array_equal(product(v), problem.hvp(kept, v))


def test_linearize_gives_the_loss_and_gradient_of_separate_calls():
    problem = network()
    w = random_weights(problem, "tanh")
    loss, gradient, _ = problem.linearize(w)
    assert loss == problem.loss(w)
    np.testing.assert_array_equal(gradient, problem.gradient(w))


def test_a_dropped_product_leaves_its_workspaces_to_the_next_call():
    problem = network()
    w = problem.initial_weights(0)
    _, _, product = problem.linearize(w)
    plan = weakref.ref(product._plan)
    del product
    _, _, product = problem.linearize(w)
    assert product._plan is plan()


def test_a_dropped_problem_frees_its_workspaces_at_once():
    problem = network()
    _, _, product = problem.linearize(problem.initial_weights(0))
    product(problem.initial_weights(0))
    plan = weakref.ref(product._plan)
    gc.disable()
    try:
        del product, problem
        assert plan() is None
    finally:
        gc.enable()


def test_many_batch_sizes_do_not_pile_up_workspaces():
    inputs = np.random.default_rng(0).normal(size=(60, NUM_INPUTS))
    problem = FeedForward(inputs, np.arange(60) % 4, (3,))
    w = problem.initial_weights(0)
    for size in range(1, 61):
        problem.subset(np.arange(size)).gradient(w)
    assert len(problem._pool._idle) <= 9


def test_four_threads_give_bitwise_the_gradients_of_one():
    rng = np.random.default_rng(0)
    problem = FeedForward(rng.normal(size=(200, 12)), rng.integers(0, 4, 200), (16, 8), loss="cross_entropy")
    weights = rng.normal(size=(400, problem.num_weights))
    v = rng.normal(size=problem.num_weights)

    def work(w):
        return np.concatenate([problem.gradient(w), problem.hvp(w, v), [problem.loss(w)]])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(work, weights))
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(together, [work(w) for w in weights])


def test_four_threads_may_share_one_product():
    problem = network((16, 8))
    _, _, product = problem.linearize(problem.initial_weights(0))
    directions = np.random.default_rng(0).normal(size=(400, problem.num_weights))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(product, directions))
    np.testing.assert_array_equal(together, [product(v) for v in directions])


@each_activation
def test_a_pickled_network_is_the_same_network_without_workspaces(activation):
    problem = network(activation=activation, input_activation="swish")
    size = len(pickle.dumps(problem))
    w = problem.initial_weights(3)
    expected = problem.loss_and_gradient(w)
    problem.hvp(w, np.eye(w.size))
    assert len(pickle.dumps(problem)) == size
    loaded = pickle.loads(pickle.dumps(problem))
    assert repr(loaded) == repr(problem)
    loss, gradient = loaded.loss_and_gradient(w)
    assert loss == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


@each_loss
@pytest.mark.parametrize("bias", [True, False])
def test_subset_is_a_fresh_problem_on_those_samples(loss, bias):
    options = {"loss": loss, "bias": bias, "input_activation": "softplus"}
    targets = np.eye(4)[LABELS]
    problem = FeedForward(INPUTS, targets, (4,), **options)
    chosen = [3, 0, 3]
    fresh = FeedForward(INPUTS[chosen], targets[chosen], (4,), **options)
    w = random_weights(problem, "tanh")
    part = problem.subset(chosen)
    assert part.num_samples == 3
    assert part.averaged
    assert part.loss(w) == pytest.approx(fresh.loss(w), rel=1e-14)
    np.testing.assert_allclose(part.gradient(w), fresh.gradient(w), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(part.hvp(w, w), fresh.hvp(w, w), rtol=1e-12, atol=1e-16)


@each_loss
def test_the_mean_over_subsets_is_the_whole(loss):
    problem = network(loss=loss)
    w = random_weights(problem, "tanh")
    parts = [problem.subset([n]).loss_and_gradient(w) for n in range(NUM_SAMPLES)]
    assert np.mean([part[0] for part in parts]) == pytest.approx(problem.loss(w), rel=1e-14)
    gradient = problem.gradient(w)
    mean = np.mean([part[1] for part in parts], axis=0)
    np.testing.assert_allclose(mean, gradient, rtol=0, atol=1e-14 * abs(gradient).max())


def test_a_subset_of_a_subset_counts_within_it():
    problem = network()
    w = problem.initial_weights(0)
    assert problem.subset([4, 2, 1]).subset([1]).loss(w) == problem.subset([2]).loss(w)


@each_loss
def test_labels_stand_for_rows_of_the_unit_matrix(loss):
    labelled = network(loss=loss)
    rows = FeedForward(INPUTS, np.eye(4)[LABELS], (4, 3), loss=loss)
    w = labelled.initial_weights(0)
    assert labelled.loss(w) == rows.loss(w)
    np.testing.assert_array_equal(labelled.gradient(w), rows.gradient(w))


def test_a_vector_of_floats_is_the_target_of_one_output():
    vector = FeedForward(INPUTS, INPUTS[:, 0], (3,))
    column = FeedForward(INPUTS, INPUTS[:, :1], (3,))
    w = vector.initial_weights(0)
    assert vector.num_weights == column.num_weights
    assert vector.loss(w) == column.loss(w)


def test_a_network_that_predicts_its_targets_has_loss_and_gradient_zero():
    problem = network()
    w = problem.initial_weights(0)
    solved = FeedForward(INPUTS, problem.predict(w, INPUTS), (4, 3))
    assert solved.loss(w) == pytest.approx(0, abs=1e-30)
    np.testing.assert_allclose(solved.gradient(w), 0, atol=1e-15)


@each_loss
@pytest.mark.parametrize("outer", ["identity", "sigmoid"])
def test_deltas_are_the_derivatives_by_the_layers_inputs(loss, outer):
    problem = network((4, 3), loss, activation="softplus", output_activation=outer)
    w = random_weights(problem, "softplus")
    layers, deltas = problem.unflatten(w), problem.deltas(w)
    shapes = [(NUM_SAMPLES, len(kernel)) for kernel, _ in layers]
    assert [delta.shape for delta in deltas] == shapes
    sizes = np.cumsum([rows * columns for rows, columns in shapes])

    def shifted_loss(offset):
        blocks = [
            part.reshape(shape) for part, shape in zip(np.split(offset, sizes[:-1]), shapes, strict=True)
        ]
        _, y = forward(layers, INPUTS, "softplus", ("identity", outer), blocks)
        return plain_loss(y, np.eye(4)[LABELS], loss)

    expected = slopes(shifted_loss, np.zeros(sizes[-1]))
    np.testing.assert_allclose(np.concatenate([d.ravel() for d in deltas]), expected, rtol=0, atol=1e-10)


@each_loss
def test_gradient_is_the_outer_product_of_deltas_and_signals(loss):
    problem = network((4, 3), loss)
    w = random_weights(problem, "tanh")
    totals, _ = forward(problem.unflatten(w), INPUTS, "tanh")
    signals = [INPUTS, *(np.tanh(x) for x in totals[:-1])]
    deltas = problem.deltas(w)
    layers = [(d.T @ y, d.sum(axis=0)) for d, y in zip(deltas, signals, strict=True)]
    np.testing.assert_allclose(problem.flatten(layers), problem.gradient(w), rtol=0, atol=1e-15)


@pytest.mark.parametrize("bias", [True, False])
def test_flatten_undoes_unflatten(bias):
    problem = network(bias=bias)
    w = np.random.default_rng(0).normal(size=problem.num_weights)
    layers = problem.unflatten(w)
    np.testing.assert_array_equal(problem.flatten(layers), w)
    for kernel, offset in layers:
        kernel[:] = 0
        assert (offset is not None) == bias
    assert (problem.unflatten(w)[0][0] != 0).all()


@pytest.mark.parametrize("bias", [True, False])
def test_initial_weights_come_layer_by_layer_from_one_generator(bias):
    problem = network((4, 3), bias=bias)
    rng = np.random.default_rng(5)
    for kernel, offset in problem.unflatten(problem.initial_weights(5, scale=2.0)):
        np.testing.assert_array_equal(kernel, rng.normal(0, 2 / np.sqrt(kernel.shape[1]), kernel.shape))
        assert offset is None if not bias else not offset.any()


def test_returned_arrays_belong_to_the_caller():
    problem = network()
    w = problem.initial_weights(0)
    v = w[::-1].copy()
    _, _, product = problem.linearize(w)
    calls = [
        lambda: problem.gradient(w),
        lambda: problem.loss_and_gradient(w)[1],
        lambda: problem.hvp(w, v),
        lambda: product(v),
        lambda: problem.predict(w, INPUTS),
        lambda: problem.deltas(w)[0],
        lambda: problem.initial_weights(0),
    ]
    before = [call() for call in calls]
    kept = [array.copy() for array in before]
    for array in before:
        array[...] = np.nan
    for call, expected in zip(calls, kept, strict=True):
        np.testing.assert_array_equal(call(), expected)


def test_data_belong_to_the_problem():
    inputs, targets = INPUTS.copy(), np.eye(4)[LABELS]
    problem = FeedForward(inputs, targets, (3,), input_activation="swish")
    w = problem.initial_weights(0)
    loss = problem.loss(w)
    inputs[:], targets[:] = 0, 0
    assert problem.loss(w) == loss
    np.testing.assert_array_equal(inputs, 0)


def test_strided_weights_and_directions_are_taken_as_they_are():
    problem = network()
    w, v = np.random.default_rng(0).normal(size=(2, problem.num_weights))
    strided = np.column_stack([w, v])
    np.testing.assert_array_equal(problem.gradient(strided[:, 0]), problem.gradient(w))
    np.testing.assert_array_equal(problem.hvp(strided[:, 0], strided[:, 1]), problem.hvp(w, v))


def test_accuracy_counts_the_labels_that_have_the_largest_output():
    problem = FeedForward(np.eye(4), np.arange(4), (), bias=False)
    w = np.eye(4).ravel()
    assert problem.accuracy(w, np.eye(4), [0, 1, 2, 3]) == 1.0
    assert problem.accuracy(w, np.eye(4), [0, 1, 3, 2]) == 0.5


@pytest.mark.parametrize("gap", [1e2, 1e4, 1e300])
def test_cross_entropy_of_huge_logits_is_finite(gap):
    problem = FeedForward([[1.0]], [[0.0, 1.0]], (), loss="cross_entropy", bias=False)
    w = np.array([gap, 0.0])
    assert problem.loss(w) == gap
    np.testing.assert_array_equal(problem.gradient(w), [1.0, -1.0])
    np.testing.assert_array_equal(problem.hvp(w, np.eye(2)), np.zeros((2, 2)))
    assert problem.loss(-w) == 0.0


@pytest.mark.parametrize("name", PLAIN)
def test_activation_and_derivatives_are_finite_for_huge_arguments(name):
    activation = ACTIVATIONS[name]
    given = np.array([-1e300, -1e5, -745.0, -40.0, 0.0, 40.0, 745.0, 1e5, 1e300])
    x, y, slope, second = given.copy(), np.empty(9), np.ones(9), np.zeros(9)
    activation.value(x, y)
    if activation.slope is not None:
        activation.slope(x, y, slope)
    if activation.second is not None:
        activation.second(x, y, slope, second)
    limit = {"tanh": (-1, 1, 0), "sigmoid": (0, 1, 0), "identity": (-1e300, 1e300, 1)}.get(
        name, (0, 1e300, 1)
    )
    np.testing.assert_allclose(y[[0, -1]], limit[:2], rtol=1e-15, atol=1e-12)
    np.testing.assert_allclose(slope[-1], limit[2], atol=1e-12)
    np.testing.assert_allclose(slope[0], float(name == "identity"), atol=1e-12)
    np.testing.assert_allclose(second[[0, 1, -2, -1]], 0, atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_tails_keep_their_digits(name):
    x = np.linspace(-700.0, -30.0, 68)
    y, slope = np.empty_like(x), np.empty_like(x)
    ACTIVATIONS[name].value(x.copy(), y)
    ACTIVATIONS[name].slope(x, y, slope)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-12)
    np.testing.assert_allclose(slope, np.exp(x), rtol=1e-12)


@each_activation
@each_loss
def test_weights_that_are_not_numbers_give_a_loss_that_is_none(activation, loss):
    problem = network(loss=loss, activation=activation)
    w = problem.initial_weights(0)
    expected = problem.gradient(w)
    value, gradient = problem.loss_and_gradient(np.full(problem.num_weights, np.nan))
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    np.testing.assert_array_equal(problem.gradient(w), expected)


BAD_DATA = {
    "NaN inputs": (([[np.nan]], [[1.0]]), "`inputs` must be finite"),
    "infinite targets": (([[1.0]], [[np.inf]]), "`targets` must be finite"),
    "flat inputs": (([1.0, 2.0], [1.0, 2.0]), "`inputs` must have 2 dimension"),
    "deep targets": (([[1.0]], [[[1.0]]]), "`targets` must have 2 dimension"),
    "no inputs": ((np.zeros((0, 2)), np.zeros((0, 1))), "`inputs` must not be empty"),
    "no targets": (([[1.0]], []), "`targets` must not be empty"),
    "no labels": (([[1.0]], np.zeros(0, int)), "`targets` must be a vector of class labels"),
    "too few targets": (
        ([[1.0], [2.0]], [[1.0]]),
        "`targets` must have one row per row of `inputs`, 2, got 1",
    ),
    "too many labels": (([[1.0]], [0, 1]), "`targets` must have one row per row of `inputs`, 1, got 2"),
    "a negative label": (([[1.0], [2.0]], [0, -1]), "`targets` must be a vector of class labels"),
    "ragged targets": (([[1.0], [2.0]], [[1.0], [2.0, 3.0]]), "`targets` must be numbers"),
    "words": (([["a"]], [[1.0]]), "`inputs` must be numbers"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_are_refused(name):
    (inputs, targets), message = BAD_DATA[name]
    with pytest.raises(ValueError, match=message):
        FeedForward(inputs, targets, (3,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "step"}, "`activation` must be one of identity, tanh, sigmoid, relu, .*, got 'step'"),
        ({"activation": None}, "`activation` must be one of .*, got None"),
        ({"input_activation": "x"}, "`input_activation` must be one of"),
        ({"output_activation": "x"}, "`output_activation` must be one of"),
        ({"loss": "absolute"}, "`loss` must be one of squared, cross_entropy, got 'absolute'"),
        ({"widths": (3, 0)}, r"`widths\[1\]` must be a whole number of at least 1, got 0"),
        ({"widths": (2.0,)}, r"`widths\[0\]` must be a whole number of at least 1, got 2.0"),
        ({"widths": 3}, "`widths` must be a sequence of whole numbers, got 3"),
        ({"widths": "32"}, "`widths` must be a sequence of whole numbers, got '32'"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


@pytest.mark.parametrize("rows", [[[0.5, 0.4]], [[1.5, -0.5]], [[2.0]]])
def test_cross_entropy_refuses_rows_that_are_no_probabilities(rows):
    with pytest.raises(ValueError, match="`targets` must be class labels or rows of probabilities"):
        FeedForward([[1.0]], rows, (), loss="cross_entropy")


def test_bad_arguments_of_methods_are_refused():
    problem = network()
    w = problem.initial_weights(0)
    layers = problem.unflatten(w)
    refused = {
        r"`w` must have shape \(47,\)": lambda: problem.loss(w[1:]),
        r"`v` must have shape \(47,\) or": lambda: problem.hvp(w, w[1:]),
        r"`v` must have shape": lambda: problem.linearize(w)[2](np.ones((46, 2))),
        "`inputs` must have 3 columns, got 2": lambda: problem.predict(w, INPUTS[:, :2]),
        "`inputs` must be finite": lambda: problem.predict(w, np.full((1, 3), np.nan)),
        "`labels` must be a vector of class labels": lambda: problem.accuracy(w, INPUTS, LABELS + 0.5),
        "`labels` must have one entry per input, 5, got 4": lambda: problem.accuracy(w, INPUTS, LABELS[1:]),
        "`indices` must lie in 0 to 4": lambda: problem.subset([5]),
        "`indices` must lie in 0 to 4, got -1": lambda: problem.subset([-1]),
        "`indices` must be a non-empty vector": lambda: problem.subset([]),
        "`seed` must be a whole number": lambda: problem.initial_weights(-1),
        "`scale` must be a positive number": lambda: problem.initial_weights(0, scale=0.0),
        r"`layers` must be 3 pairs \(W, b\), got 2": lambda: problem.flatten(layers[1:]),
        r"`layers\[0\]` must have shapes \(\(4, 3\), \(4,\)\), got \(\(3, 4\)": lambda: problem.flatten(
            [(kernel.T, bias) for kernel, bias in layers]
        ),
        r"`layers\[2\]` must have shapes": lambda: problem.flatten([*layers[:2], (layers[2][0], None)]),
        r"`layers\[0\]` must have shapes \(\(4, 3\), None\)": lambda: network(bias=False).flatten(layers),
    }
    for message, call in refused.items():
        with pytest.raises(ValueError, match=message):
            call()
