import numpy as np
import pytest
from scipy.integrate import RK45, solve_ivp

from gradflow.solvers import KrylovBDF, Switching, lsoda
from gradflow.solvers.switching import length_of_step


def run(fun, y0, end_time, **options):
    solver = Switching(fun, 0.0, y0, end_time, rtol=1e-6, atol=1e-9, **options)
    while solver.status == "running":
        solver.step()
    assert solver.status == "finished"
    return solver


def names(solver):
    return [name for _, name in solver.history]


def oscillator(t, y):
    return np.array([y[1], -y[0] - 0.01 * y[1]])


def decay(rates):
    return lambda t, y: -rates * y


# What "auto" makes of a few stiff weights: scipy's LSODA, where it has memory of its own.
DENSE = "LSODA" if lsoda.is_free() else "krylov-bdf"
STIFF = np.array([0.01, 1e4])


def test_an_oscillation_stays_with_the_explicit_method():
    solver = run(oscillator, np.array([1.0, 0.0]), 100.0)
    assert names(solver) == ["RK45"]
    truth = solve_ivp(oscillator, (0, 100), [1.0, 0.0], method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
    np.testing.assert_allclose(solver.y, truth, atol=2e-3)


def test_a_stiff_decay_leaves_the_explicit_method():
    solver = run(decay(STIFF), np.ones(2), 1000.0)
    assert names(solver) == ["RK45", "krylov-bdf"]
    assert solver.history[1][0] < 0.1
    assert solver.nfev < 1000
    np.testing.assert_allclose(solver.y, np.exp(-1000 * STIFF), rtol=1e-4, atol=1e-12)


def test_a_stiff_decay_begun_with_the_implicit_method_stays_there():
    assert names(run(decay(STIFF), np.ones(2), 1000.0, stiff=True)) == ["krylov-bdf"]


@pytest.mark.parametrize(("end_time", "expected"), [(0.01, ["RK45"]), (1.0, ["RK45", "krylov-bdf"])])
def test_stiffness_matters_only_where_much_of_the_way_is_left(end_time, expected):
    # 6 stages at steps of 3.3e-4: 180 evaluations to 0.01, 18,000 to 1.
    assert names(run(decay(STIFF), np.ones(2), end_time)) == expected


@pytest.mark.parametrize("stiff", [False, True])
def test_with_a_dense_jacobian_lsoda_is_the_implicit_method(stiff):
    solver = run(decay(STIFF), np.ones(2), 1000.0, dense=True, jac=lambda t, y: np.diag(-STIFF), stiff=stiff)
    assert names(solver)[-1] == DENSE
    np.testing.assert_allclose(solver.y, np.exp(-1000 * STIFF), rtol=1e-4, atol=1e-9)


def test_inside_a_step_of_lsoda_the_matrix_free_method_takes_its_place():
    inner = []

    def flow(t, y):
        if not inner:
            inner.append(run(decay(STIFF), np.ones(2), 100.0, dense=True))
        return -STIFF * y

    solver = run(flow, np.ones(2), 100.0, dense=True, stiff=True)
    assert names(inner[0]) == ["RK45", "krylov-bdf"]
    assert names(solver) == [DENSE]
    np.testing.assert_allclose(solver.y, np.exp(-100 * STIFF), rtol=1e-4, atol=1e-9)


def test_a_flow_that_loses_its_stiffness_is_noticed():
    # The stiff rate dies out as exp(-t) and leaves a slow oscillation.
    def flow(t, y):
        return np.array([y[1], -y[0], -1e4 * np.exp(-t) * (y[2] - y[0])])

    solver = run(flow, np.array([1.0, 0.0, 1.0]), 60.0)
    assert names(solver)[:3] == ["RK45", "krylov-bdf", "RK45"]
    np.testing.assert_allclose(solver.y[:2], [np.cos(60), -np.sin(60)], atol=2e-3)


@pytest.mark.parametrize("rate", [0.5, 100.0])
def test_step_times_rate_is_read_off_the_stages(rate):
    solver = RK45(decay(np.array([rate])), 0.0, np.ones(1), 1.0, first_step=0.01)
    solver.step()
    assert length_of_step(solver) == pytest.approx(rate * (solver.t - solver.t_old), rel=1e-6)


def test_dense_output_is_that_of_the_method_at_work():
    solver = run(oscillator, np.array([1.0, 0.0]), 30.0)
    output = solver.dense_output()
    np.testing.assert_allclose(output(solver.t), solver.y, atol=1e-12)


def test_a_fast_mode_at_rest_is_found_all_the_same():
    # What moves is slow, and far larger than what the stability of the fast mode leaves of it.
    def flow(t, y):
        return np.array([-1e4 * y[0], 1.0])

    solver = run(flow, np.array([0.0, 0.0]), 100.0)
    assert solver.nfev < 3000
    assert solver.y[1] == pytest.approx(100.0)


@pytest.mark.parametrize("condition", [1.0, 30.0, 3e3])
@pytest.mark.parametrize("end_time", [1.0, 3.0])
def test_switching_costs_little_more_than_the_better_of_its_parts(condition, end_time):
    rates = np.geomspace(1.0, condition, 120)

    def spent(make):
        solver = make(decay(rates), 0.0, np.ones(120), end_time, rtol=1e-6, atol=1e-9)
        while solver.status == "running":
            solver.step()
        np.testing.assert_allclose(solver.y, np.exp(-rates * end_time), atol=1e-5)
        return solver.nfev

    assert spent(Switching) < 1.6 * min(spent(KrylovBDF), spent(RK45))


def test_several_stiff_modes_that_look_slower_than_the_fastest_are_noticed():
    """A thousand rates up to 1000: RK45 needs at least 6 x 1000 / 3.31 evaluations a unit of time."""
    rates = np.linspace(1.0, 1000.0, 1000)
    solver = run(decay(rates), np.ones(1000), 3.0)
    assert names(solver)[:2] == ["RK45", "krylov-bdf"]
    assert solver.history[1][0] < 0.3
    assert solver.nfev < 0.5 * 6 * 1000 / 3.31 * 3.0
