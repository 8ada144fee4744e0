"""Recurrent back-propagation against differences, closed forms and feed-forward networks."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from gradflow import cases
from gradflow.errors import Undefined
from gradflow.flows.relaxation import ThreeTimeScales
from gradflow.problems.layered.network import FeedForward
from gradflow.problems.problem import Followed
from gradflow.problems.recurrent.fixed_points import Newton
from gradflow.problems.recurrent.network import Recurrent


def random_net(seed, num_units=6, num_patterns=5, **options):
    """A stable net of sigmoid units, the last two clamped."""
    generator = np.random.default_rng(seed)
    drive = generator.normal(size=(num_patterns, num_units))
    reachable = generator.random((num_patterns, 2))
    if not options.get("input_inside"):
        reachable += drive[:, :2]
    clamped = [num_units - 2, num_units - 1]
    problem = Recurrent(drive, reachable, [0, 1], clamped=clamped, **options)
    return problem, problem.initial_weights(seed, scale=1.5)


def sparse(num_units, seed):
    mask = np.random.default_rng(seed).random((num_units, num_units)) < 0.6
    mask[0, 1:] = mask[1, 2:] = True
    return mask


def slope(function, step):
    one, two = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * one - two) / (12 * step)


NETS = [(seed, inside, masked) for seed in range(4) for inside in (False, True) for masked in (False, True)]


@pytest.mark.parametrize(("seed", "inside", "masked"), NETS)
def test_gradient_and_product_agree_with_differences(seed, inside, masked):
    mask = sparse(6, seed) if masked else None
    problem, w = random_net(seed, input_inside=inside, connections=mask)
    gradient = problem.gradient(w)
    u = np.random.default_rng(seed).normal(size=w.size)
    u /= np.linalg.norm(u)
    for each in (gradient / np.linalg.norm(gradient), u):
        difference = slope(lambda s, each=each: problem.loss(w + s * each), 3e-3)
        assert abs(difference - gradient @ each) < 1e-9 * np.linalg.norm(gradient)
    product = problem.hvp(w, u)
    difference = slope(lambda s: problem.gradient(w + s * u), 3e-3)
    assert np.linalg.norm(difference - product) < 1e-6 * np.linalg.norm(product)


@pytest.mark.parametrize("inside", [False, True])
def test_the_fixed_points_are_fixed(inside):
    problem, w = random_net(1, input_inside=inside)
    x, matrix, drive = problem.fixed_points(w), problem.unflatten(w), problem.circuit.drive
    free = problem.circuit.is_free
    net = x @ matrix.T + (drive if inside else 0)
    image = 1 / (1 + np.exp(-net)) + (0 if inside else drive)
    np.testing.assert_allclose(x[:, free], image[:, free], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(x[:, ~free], drive[:, ~free])


def test_the_adjoint_is_minus_the_slope_of_the_loss_with_respect_to_the_drive():
    problem, w = random_net(2)
    z, circuit = problem.adjoint(w), problem.circuit
    reachable = circuit.targets

    def loss_with(change):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            moved = Recurrent(circuit.drive + change, reachable, circuit.target_units, clamped=[4, 5])
        return moved.loss(w)

    for pattern, unit in [(0, 0), (1, 3), (2, 4), (4, 5)]:
        change = np.zeros_like(z)
        change[pattern, unit] = 1.0
        difference = slope(lambda s, change=change: loss_with(s * change), 1e-3)
        assert difference == pytest.approx(-z[pattern, unit], abs=1e-9)


@pytest.mark.parametrize("num_units", [5, 30, 100])
def test_forward_and_adjoint_relax_at_the_same_rates(num_units):
    generator = np.random.default_rng(num_units)
    problem = Recurrent(generator.normal(size=(1, num_units)), [[0.5]], [0], input_inside=True)
    w = problem.initial_weights(0, scale=2 / np.sqrt(num_units))
    rates = problem.relaxation_rates(w)
    assert rates.shape == (1, num_units)
    assert (np.diff(rates.real) <= 0).all()
    assert gap_to_adjoint(problem, w, rates) < 1e-12


def test_rates_of_sparse_nets_agree_to_what_a_defective_spectrum_allows():
    mask = np.random.default_rng(0).random((40, 40)) < 0.05
    mask[0] = True
    problem = Recurrent(np.ones((1, 40)), [[0.5]], [0], input_inside=True, connections=mask)
    w = problem.initial_weights(0)
    assert gap_to_adjoint(problem, w, problem.relaxation_rates(w)) < 1e-6


def gap_to_adjoint(problem, w, rates):
    """Largest distance from a rate to the nearest eigenvalue of the adjoint's own relaxation."""
    flow = ThreeTimeScales(problem, 1.0, 1.0, 1.0)
    state = flow.initial_state(w)
    size = rates.size
    block = np.zeros((state.size, size))
    block[size : 2 * size] = np.eye(size)
    adjoint = np.linalg.eigvals(flow.linearize(0.0, state)[1](block)[size : 2 * size])
    gaps = np.abs(rates.ravel()[:, None] - adjoint)
    return max(gaps.min(axis=0).max(), gaps.min(axis=1).max())


def test_one_unit_is_the_closed_form():
    unit = Recurrent([[-0.5]], [[0.2]], [0], rest=0.2)
    w = np.array([-8.0])
    assert abs(unit.fixed_points(w)[0, 0]) < 1e-14
    assert unit.adjoint(w)[0, 0] == pytest.approx(1 / 15, abs=1e-15)
    assert unit.relaxation_rates(w)[0, 0] == pytest.approx(-3.0)
    assert unit.loss(w) == pytest.approx(0.02)
    by_drive = slope(lambda s: Recurrent([[-0.5 + s]], [[0.2]], [0], rest=0.2).loss(w), 1e-3)
    assert by_drive == pytest.approx(-1 / 15, abs=1e-10)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_strictly_lower_triangular_net_is_the_feed_forward_net(activation):
    generator = np.random.default_rng(3)
    inputs, targets = generator.normal(size=(7, 2)), generator.random((7, 2))
    layered = FeedForward(inputs, targets, [4, 3], activation=activation, output_activation=activation)
    # Units: inputs, constant, 4 hidden, constant, 3 hidden, constant, outputs, so that weights lie alike.
    sizes, clamped = [(0, 3), (3, 8), (8, 12), (12, 14)], [0, 1, 2, 7, 11]
    mask = np.zeros((14, 14), dtype=bool)
    for (start, stop), (next_start, next_stop) in pairwise(sizes):
        mask[next_start:next_stop, start:stop] = True
    drive = np.zeros((7, 14))
    drive[:, :2], drive[:, [2, 7, 11]] = inputs, 1.0
    problem = Recurrent(drive, targets, [12, 13], clamped=clamped, connections=mask, activation=activation)
    w, v = generator.normal(size=(2, layered.num_weights))
    assert problem.num_weights == layered.num_weights
    loss, gradient = problem.loss_and_gradient(w)
    assert loss == pytest.approx(7 * layered.loss(w), rel=1e-14)
    np.testing.assert_allclose(gradient, 7 * layered.gradient(w), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(problem.hvp(w, v), 7 * layered.hvp(w, v), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(problem.relaxation_rates(w), -1.0, atol=1e-12)


def test_flat_weights_list_the_connections_row_by_row():
    mask = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
    problem = Recurrent(np.ones((1, 3)), [[1.5]], [0], clamped=[2], connections=mask)
    matrix = problem.unflatten([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(matrix, [[0, 1, 2], [3, 0, 4], [0, 0, 0]])
    np.testing.assert_array_equal(problem.flatten(matrix), [1.0, 2.0, 3.0, 4.0])


def test_initial_weights_draw_the_connections_among_free_units_first():
    case = cases.make("pineda-xor", seed=3)
    draws = np.random.default_rng(3).uniform(-1, 1, 28)
    matrix = case.problem.unflatten(case.w0)
    np.testing.assert_array_equal(matrix[:4, :4], draws[:16].reshape(4, 4))
    np.testing.assert_array_equal(matrix[:4, 4:], draws[16:].reshape(4, 3))


def test_a_warm_start_is_hidden_nowhere():
    problem, w = random_net(0)
    other = problem.initial_weights(9, scale=3.0)
    first = problem.gradient(w)
    problem.gradient(other)
    np.testing.assert_array_equal(problem.gradient(w), first)


def test_only_a_followed_problem_remembers_where_a_run_has_been():
    problem, w = random_net(0)
    assert isinstance(problem, Followed)
    problem.accept(2 * w)
    np.testing.assert_array_equal(problem.gradient(w), random_net(0)[0].gradient(w))


def test_a_subset_of_a_followed_problem_follows_the_same_branches():
    problem, w = random_net(4)
    followed = problem.following(w)
    moved = 1.2 * w
    part = followed.subset([3, 1])
    np.testing.assert_allclose(part.fixed_points(moved), followed.fixed_points(moved)[[3, 1]], atol=1e-13)


def test_an_unstable_fixed_point_is_named_but_can_be_looked_at():
    # x = tanh(2 x) has fixed points 0 (unstable) and +-0.9575; rest 0 sits on the unstable one.
    options = {"activation": "tanh", "rest": 0.0, "input_inside": True}
    w = np.array([2.0])
    with pytest.raises(Undefined, match="pattern 0 rests at an unstable fixed point"):
        Recurrent([[0.0]], [[0.5]], [0], **options).loss(w)
    newton = Recurrent([[0.0]], [[0.5]], [0], solver="newton", **options)
    assert not newton.is_stable(w)
    assert newton.relaxation_rates(w)[0, 0] == pytest.approx(1.0)
    with pytest.raises(Undefined, match="the fixed point of pattern 0 is unstable"):
        newton.gradient(w)
    nudged = Recurrent([[0.0]], [[0.5]], [0], **(options | {"rest": 1e-3}))
    assert nudged.is_stable(w)
    assert nudged.fixed_points(w)[0, 0] == pytest.approx(0.9575040240772687)


def test_a_net_that_never_rests_is_named():
    # Two tanh units that chase each other: a Hopf pair with real part 2 - 1 > 0.
    problem = Recurrent(np.zeros((1, 2)), [[0.5]], [0], activation="tanh", input_inside=True)
    with pytest.raises(Undefined, match="pattern 0 has not come to rest"):
        problem.gradient(problem.flatten([[2.0, -2.0], [2.0, 2.0]]))


BAD = [
    ({"drive": [1.0, 2.0]}, "`drive` must have 2 dimension"),
    ({"drive": [[np.nan, 0.0]]}, "`drive` must be finite"),
    ({"targets": [[0.5, 0.5]]}, "`targets` must have a row per pattern"),
    ({"target_units": [2]}, "`target_units` must lie in 0 to 1"),
    ({"target_units": [0, 0]}, "`target_units` must be free units without repeats"),
    ({"clamped": [0]}, "`target_units` must be free units"),
    ({"clamped": [0, 1]}, "`clamped` must leave a free unit"),
    ({"clamped": [5]}, "`clamped` must lie in 0 to 1"),
    ({"connections": np.ones((2, 3))}, r"`connections` must be a \(2, 2\) array"),
    ({"connections": [[2, 0], [0, 1]]}, r"`connections` must be a \(2, 2\) array"),
    ({"connections": [[0, 0], [1, 1]]}, "`connections` must lead into target unit 0"),
    ({"connections": [[1, 0], [1, 1]], "clamped": [1]}, "`connections` must lead from the input"),
    ({"activation": "step"}, "`activation` must be one of"),
    ({"rest": [0.1, 0.2, 0.3]}, "`rest` must be a number or fit shape"),
    ({"rest": np.inf}, "`rest` must be finite"),
    ({"solver": "magic"}, "`solver` must be one of"),
    ({"solver": lambda dynamics, rest: rest}, "`solver` must be one of .* or a solver, got <function"),
    ({"solver": Newton}, "`solver` must be one of .* or a solver, got <class"),
    ({"adjoint_solver": "magic"}, "`adjoint_solver` must be one of"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_bad_input_gets_a_sentence(change, sentence):
    arguments = {"drive": [[0.0, 1.0]], "targets": [[0.5]], "target_units": [0]} | change
    with pytest.raises(ValueError, match=sentence):
        Recurrent(**arguments)


def test_a_target_out_of_reach_is_a_warning():
    with pytest.warns(UserWarning, match="target 1.5 of unit 0 for pattern 0 lies beyond what the unit can"):
        Recurrent([[0.0, 1.0]], [[1.5]], [0])
    with pytest.warns(UserWarning, match="-1 to 1"):
        Recurrent([[0.9, 1.0]], [[1.2]], [0], activation="tanh", input_inside=True)
    Recurrent([[0.9, 1.0]], [[1.2]], [0], activation="tanh")
    Recurrent([[0.0, 1.0]], [[1e6]], [0], activation="softplus")


def test_a_matrix_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="`matrix` must have shape"):
        random_net(0)[0].flatten(np.ones((3, 3)))
