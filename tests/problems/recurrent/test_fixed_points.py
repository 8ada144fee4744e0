"""Ways to find fixed points and adjoints: where each works, and what it says where it does not."""

from itertools import islice

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from gradflow.errors import Undefined
from gradflow.problems.recurrent import adjoints, fixed_points
from gradflow.problems.recurrent.branch import continued
from gradflow.problems.recurrent.network import Recurrent

ONE_UNIT = {"drive": [[-0.5]], "targets": [[0.2]], "target_units": [0], "rest": 0.2}
W = np.array([-8.0])


def strong_net(seed):
    generator = np.random.default_rng(seed)
    problem = Recurrent(generator.normal(size=(4, 5)), [[0.5]] * 4, [0], input_inside=True)
    return problem, problem.initial_weights(seed, scale=5.0)


@pytest.mark.parametrize("seed", range(8))
def test_the_relaxation_ends_where_the_dynamics_end(seed):
    problem, w = strong_net(seed)
    dynamics, found = problem.free_fixed_points(w)
    for p in range(4):
        alone = dynamics.only(np.array([p]))
        run = solve_ivp(
            lambda _, x, alone=alone: alone.velocity(x[None])[0],
            (0, 300),
            np.full(5, 0.5),
            method="LSODA",
            rtol=1e-9,
            atol=1e-11,
        )
        np.testing.assert_allclose(run.y[:, -1], found[p], atol=1e-6)


def test_a_pattern_relaxes_alike_in_any_company():
    problem, w = strong_net(2)
    alone = [problem.subset([p]).fixed_points(w)[0] for p in range(4)]
    np.testing.assert_allclose(problem.fixed_points(w), alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize("solver", ["relaxation", "damped-picard", "anderson", "newton"])
def test_these_find_the_fixed_point_where_the_plain_iteration_does_not(solver):
    x = Recurrent(**ONE_UNIT, solver=solver).fixed_points(W)
    assert abs(x[0, 0]) < 1e-13


def test_the_plain_iteration_is_locked_on_two_states_and_says_so():
    with pytest.raises(Undefined, match=r"pattern 0 is locked on a cycle of two states 0\.957504 apart"):
        Recurrent(**ONE_UNIT, solver="picard").loss(W)
    x, before = 0.4787520120386343, -0.4787520120386343
    dynamics, _ = Recurrent(**ONE_UNIT).free_fixed_points(W)
    assert dynamics.image(np.array([[x]]))[0, 0] == pytest.approx(before, abs=1e-14)


@pytest.mark.parametrize("solver", fixed_points.SOLVERS)
def test_all_ways_agree_on_a_contracting_net(solver):
    problem, _ = strong_net(0)
    w = problem.initial_weights(0, scale=1.0)
    other = Recurrent(problem.circuit.drive, [[0.5]] * 4, [0], input_inside=True, solver=solver)
    np.testing.assert_allclose(other.fixed_points(w), problem.fixed_points(w), atol=1e-12)


def test_a_solver_with_other_options_may_be_given():
    assert abs(Recurrent(**ONE_UNIT, solver=fixed_points.Picard(damping=0.3)).fixed_points(W)[0, 0]) < 1e-13


@pytest.mark.parametrize(("w", "converges"), [(-3.9, True), (-4.1, False)])
def test_picard_and_neumann_work_up_to_an_eigenvalue_of_minus_one(w, converges):
    # x = 0 is the fixed point for every w, with DW = w / 4.
    options = {"solver": fixed_points.Picard(max_steps=20_000)}
    for names in (options, {"adjoint_solver": "neumann"}):
        unit = Recurrent(**ONE_UNIT, **names)
        if converges:
            assert unit.adjoint([w])[0, 0] == pytest.approx(0.2 / (1 - w / 4), rel=1e-9)
        else:
            with pytest.raises(Undefined, match="does not converge"):
                unit.adjoint([w])


@pytest.mark.parametrize(("solver", "w"), [(fixed_points.Anderson(max_steps=2), -30.0), ("newton", 6.0)])
def test_a_solver_that_finds_nothing_says_so(solver, w):
    problem = Recurrent([[0.0]], [[0.5]], [0], rest=-1.0, solver=solver)
    with pytest.raises(Undefined, match="not found the fixed point"):
        problem.fixed_points([w])


@pytest.mark.parametrize("solver", adjoints.SOLVERS)
def test_all_adjoint_solvers_agree_where_they_converge(solver):
    problem, _ = strong_net(1)
    w = problem.initial_weights(1, scale=1.5)
    other = Recurrent(problem.circuit.drive, [[0.5]] * 4, [0], input_inside=True, adjoint_solver=solver)
    np.testing.assert_allclose(other.adjoint(w), problem.adjoint(w), rtol=0, atol=1e-8)
    np.testing.assert_allclose(other.gradient(w), problem.gradient(w), rtol=0, atol=1e-8)


@pytest.mark.parametrize("solver", ["direct", "gmres", "relaxation"])
def test_these_solve_for_the_adjoint_where_neumann_does_not(solver):
    assert Recurrent(**ONE_UNIT, adjoint_solver=solver).adjoint(W)[0, 0] == pytest.approx(1 / 15, abs=1e-12)


def test_neumanns_partial_sums_explode_and_say_why():
    weights, slope, errors = np.array([[-8.0]]), np.array([[0.25]]), np.array([[0.2]])
    sums = [float(total[0, 0]) for total in islice(adjoints.partial_sums(weights, slope, errors), 5)]
    np.testing.assert_allclose(sums, [0.2, -0.2, 0.6, -1.0, 2.2], rtol=1e-14)
    with pytest.raises(Undefined, match=r"Neumann's series .* pattern 0 has an eigenvalue of DW of size 2,"):
        Recurrent(**ONE_UNIT, adjoint_solver="neumann").gradient(W)


def test_an_adjoint_that_grows_says_so():
    weights, slope, errors = np.array([[8.0]]), np.array([[0.25]]), np.array([[0.2]])
    with pytest.raises(Undefined, match="adjoint has not come to rest"):
        adjoints.relaxation(weights, slope, errors)
    with pytest.raises(Undefined, match="an eigenvalue of DW is 1"):
        adjoints.direct(np.array([[4.0]]), slope, errors)


def fold(w):
    """Net input b at the lower fold of x = sigmoid(w x + b), and x there: w x (1 - x) = 1."""
    x = 0.5 * (1 - np.sqrt(1 - 4 / w))
    return np.log(x / (1 - x)) - w * x, x


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_a_branch_is_continued_up_to_its_fold_and_no_further(share):
    unit = Recurrent([[0.0, 1.0]], [[0.9]], [0], clamped=[1], rest=0.0)
    b, x_fold = fold(6.0)
    start, states = unit.free_fixed_points([6.0, b - 1.0])
    end, _ = unit.free_fixed_points([6.0, b - 1.0 + share])
    if share < 1:
        x = continued(start, states, end)
        assert 0 < x_fold - x[0, 0] < 0.05
        assert np.abs(end.velocity(x)).max() < 1e-13
    else:
        with pytest.raises(Undefined, match="fixed point of pattern 0 meets another one and vanishes"):
            continued(start, states, end)


def test_a_pattern_that_lingers_near_a_fold_comes_to_rest_beyond_it():
    unit = Recurrent([[0.0, 1.0]], [[0.9]], [0], clamped=[1], rest=0.0)
    b, x_fold = fold(6.0)
    assert unit.fixed_points([6.0, b - 1e-7])[0, 0] == pytest.approx(x_fold, abs=1e-3)
    # The passage takes a time of about pi / sqrt(1e-7 * curvature) = 1e4.
    assert unit.fixed_points([6.0, b + 1e-7])[0, 0] > 0.9
