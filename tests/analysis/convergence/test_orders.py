import dataclasses

import numpy as np
import pytest

from gradflow.analysis.convergence import (
    decay_rate,
    dissipation_residual,
    observed_order,
    pairwise_orders,
    step_decrease,
)
from gradflow.analysis.convergence.comparison import compare
from gradflow.flows import GradientFlow
from gradflow.problems import Quadratic
from gradflow.problems.landscapes.neuron import SigmoidNeuron
from gradflow.simulate import descend, integrate
from gradflow.trajectory import Trajectory
from gradflow.trajectory.sketch import Sketch

EIGENVALUES = np.array([1.0, 4.0])
PROBLEM = Quadratic(EIGENVALUES)
START = np.array([1.0, -0.5])
NEURON = SigmoidNeuron((1.5,), (1.0,))


@pytest.mark.parametrize("order", [0.5, 1.0, 4.0])
def test_the_observed_order_of_a_power_is_its_exponent(order):
    sizes = np.array([0.4, 0.1, 0.2, 0.05])
    assert observed_order(sizes, 3.0 * sizes**order) == pytest.approx(order, abs=1e-12)
    np.testing.assert_allclose(pairwise_orders(sizes, 3.0 * sizes**order), order, rtol=0, atol=1e-12)


def test_the_observed_order_of_scattered_errors_is_the_least_squares_slope():
    rng = np.random.default_rng(0)
    sizes, errors = rng.uniform(0.01, 1.0, 9), rng.uniform(0.01, 1.0, 9)
    assert observed_order(sizes, errors) == pytest.approx(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def test_several_errors_at_one_step_size_can_be_fitted_but_have_no_pairwise_order():
    sizes, errors = [0.2, 0.2, 0.1, 0.1], [0.2, 0.8, 0.1, 0.4]
    assert observed_order(sizes, errors) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="equal in succession"):
        pairwise_orders(sizes, errors)


@pytest.mark.parametrize("function", [observed_order, pairwise_orders])
@pytest.mark.parametrize(
    ("sizes", "errors", "match"),
    [
        ([0.1], [0.1], "at least two"),
        ([], [], "must not be empty"),
        ([0.1, 0.2], [0.1], "as many as"),
        ([0.1, 0.0], [0.1, 0.2], "`step_sizes` must be positive"),
        ([0.1, 0.2], [0.1, -0.2], "`errors` must be positive"),
        ([0.1, 0.2], [0.1, 0.0], "`errors` must be positive"),
        ([0.1, 0.2], [0.1, np.nan], "`errors` must be finite"),
        ([0.1, np.inf], [0.1, 0.2], "`step_sizes` must be finite"),
        ([0.1, 0.1], [0.1, 0.2], "`step_sizes` must differ"),
        ([0.7, 0.7, 0.7], [0.1, 0.2, 0.3], "`step_sizes` must differ"),
    ],
)
def test_step_sizes_and_errors_that_have_no_slope_are_named(function, sizes, errors, match):
    with pytest.raises(ValueError, match=match):
        function(sizes, errors)


def test_descent_approaches_the_flow_of_a_neuron_with_order_one():
    learning_rates = np.array([0.4, 0.2, 0.1, 0.05])
    reference = integrate(GradientFlow(NEURON), [-2.0], 40.0, rtol=1e-10)
    gaps = [
        compare(descend(NEURON, [-2.0], eta, round(40 / eta)), reference).final_distance
        for eta in learning_rates
    ]
    assert pairwise_orders(learning_rates, gaps)[-1] == pytest.approx(1.0, abs=0.05)


RATES = {
    "number": 0.7,
    "vector": np.array([2.0, 0.5]),
    "matrix": np.array([[2.0, 0.3], [0.3, 0.5]]),
}


@pytest.mark.parametrize("kind", RATES)
def test_the_flow_dissipates_what_it_loses(kind):
    run = integrate(GradientFlow(PROBLEM, RATES[kind]), START, 3.0, rtol=1e-9, method="RK45")
    residual = dissipation_residual(run, PROBLEM)
    assert residual.shape == run.times.shape
    assert residual[0] == 0.0
    assert np.abs(residual).max() < 1e-7 * run.losses[0]


@pytest.mark.parametrize("kind", RATES)
def test_a_rate_read_back_from_a_file_serves_as_well(kind, tmp_path):
    run = integrate(GradientFlow(PROBLEM, RATES[kind]), START, 1.0)
    run.save(tmp_path / "run.npz")
    loaded = type(run).load(tmp_path / "run.npz")
    expected = dissipation_residual(run, PROBLEM, rate=RATES[kind])
    np.testing.assert_array_equal(dissipation_residual(loaded, PROBLEM), expected)


def test_the_wrong_rate_leaves_the_share_of_the_loss_that_it_misses():
    run = integrate(GradientFlow(PROBLEM, 2.0), START, 3.0, rtol=1e-9, method="RK45")
    lost = run.losses[0] - run.losses
    np.testing.assert_allclose(dissipation_residual(run, PROBLEM, rate=1.0), -0.5 * lost, atol=1e-7)


def test_the_quadrature_of_the_dissipation_is_of_fourth_order_in_the_rows():
    rows = np.array([10, 20, 40])
    worst = []
    for count in rows:
        run = integrate(GradientFlow(PROBLEM), START, 2.0, rtol=1e-12, method="RK45", times=count + 1)
        worst.append(np.abs(dissipation_residual(run, PROBLEM)).max())
    assert pairwise_orders(1 / rows, worst)[-1] == pytest.approx(4.0, abs=0.3)


def test_descent_breaks_the_energy_balance_by_its_first_order():
    learning_rates = np.array([0.02, 0.01, 0.005])
    final = [
        abs(dissipation_residual(descend(PROBLEM, START, eta, round(1 / eta)), PROBLEM)[-1])
        for eta in learning_rates
    ]
    assert pairwise_orders(learning_rates, final)[-1] == pytest.approx(1.0, abs=0.1)


def test_descent_on_one_weight_has_the_residual_of_its_polygon():
    # One step from 1 to 1 - eta on E = w^2 / 2: E falls by eta - eta^2 / 2, the integral of g^2 = w^2 over
    # the straight line is eta (1 - eta + eta^2 / 3), and Simpson's rule is exact for it.
    eta = 0.3
    run = descend(Quadratic(1.0), [1.0], eta, 1)
    expected = -(eta - eta**2 / 2) + eta * (1 - eta + eta**2 / 3)
    assert dissipation_residual(run, Quadratic(1.0))[-1] == pytest.approx(expected, rel=1e-14)


def test_a_sketched_run_has_no_weights_to_take_gradients_at():
    run = descend(PROBLEM, START, 0.1, 3, sketch=Sketch(2, size=2))
    with pytest.raises(ValueError, match="must keep its weights, got a sketched run"):
        dissipation_residual(run, PROBLEM)


def test_a_residual_needs_the_right_problem_and_a_rate():
    run = descend(PROBLEM, START, 0.1, 3)
    with pytest.raises(ValueError, match="must have 3 weights, got 2"):
        dissipation_residual(run, Quadratic([1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="`rate` must be a positive number"):
        dissipation_residual(run, PROBLEM, rate=-1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Rated:
    """A flow of somebody else's: its `rate` is an exponent, not mu."""

    problem: Quadratic
    rate: float = 0.5
    symmetric = False

    def on(self, problem):
        return dataclasses.replace(self, problem=problem)

    def initial_state(self, w0):
        return w0

    def weights(self, y):
        return y

    def __call__(self, t, y):
        return -np.exp(-self.rate * t) * self.problem.gradient(y)


def test_the_rate_is_that_of_the_gradient_flow_and_no_other_field_of_its_name(tmp_path):
    run = integrate(GradientFlow(PROBLEM, np.array([2.0, 0.5])), START, 2.0, rtol=1e-9)
    run.save(tmp_path / "run")
    for each in (run, Trajectory.load(tmp_path / "run")):
        assert np.abs(dissipation_residual(each, PROBLEM)).max() < 1e-5
    with pytest.raises(ValueError, match="`rate` must be given for a run of Rated"):
        dissipation_residual(integrate(Rated(PROBLEM), START, 1.0, method="RK45"), PROBLEM)


def test_the_loss_of_a_flow_decays_at_twice_the_rate_times_the_least_eigenvalue():
    rate, minimum = 0.5, 0.25
    problem = Quadratic([1.0, 8.0])
    run = integrate(GradientFlow(problem, rate), [1.0, 1.0], 20.0, rtol=1e-9, method="RK45")
    assert decay_rate(run) == pytest.approx(2 * rate * 1.0, rel=1e-5)
    shifted = integrate(
        GradientFlow(Above(problem, minimum), rate), [1.0, 1.0], 12.0, rtol=1e-9, method="RK45"
    )
    assert decay_rate(shifted, limit=minimum) == pytest.approx(2 * rate * 1.0, rel=1e-4)


class Above:
    """A problem with a constant added to its loss."""

    def __init__(self, problem, constant):
        self.num_weights, self.gradient, self.hvp = problem.num_weights, problem.gradient, problem.hvp
        self.problem, self.constant = problem, constant

    def loss_and_gradient(self, w):
        loss, gradient = self.problem.loss_and_gradient(w)
        return loss + self.constant, gradient

    def linearize(self, w):
        return self.loss_and_gradient(w)[0], *self.problem.linearize(w)[1:]


def test_the_loss_of_descent_decays_by_its_multiplier_in_flow_time():
    run = descend(Quadratic(1.0), [1.0], 0.2, 50)
    assert decay_rate(run) == pytest.approx(-2 * np.log(0.8) / 0.2, rel=1e-12)
    assert decay_rate(descend(Quadratic(1.0), [1.0], 2.5, 20)) == pytest.approx(-2 * np.log(1.5) / 2.5)


def test_the_window_chooses_the_mode_that_is_measured():
    run = integrate(GradientFlow(Quadratic([1.0, 50.0])), [1e-3, 1.0], 2.0, rtol=1e-10, method="RK45")
    assert decay_rate(run, window=(0.0, 0.05)) == pytest.approx(100.0, rel=1e-3)
    assert decay_rate(run, window=(1.0, 2.0)) == pytest.approx(2.0, rel=1e-3)


def test_a_tail_that_has_no_logarithm_is_named():
    run = descend(Quadratic(1.0), [1.0], 0.5, 10)
    with pytest.raises(ValueError, match="`limit` must lie below every loss"):
        decay_rate(run, limit=run.final_loss)
    with pytest.raises(ValueError, match="`window` must hold at least two rows, got 1"):
        decay_rate(run, window=(0.0, 0.4))


def test_a_step_on_a_quadratic_is_predicted_exactly_to_second_order():
    hessian = np.array([[2.0, 1.0], [1.0, -3.0]])
    w, gradient = np.array([0.3, -0.8]), hessian @ np.array([0.3, -0.8])
    for eta, matrix in ((0.4, 0.4 * np.eye(2)), (np.array([0.1, 0.4]), np.diag([0.1, 0.4]))):
        change = step_decrease(Quadratic(hessian), w, eta)
        step = matrix @ gradient
        assert change.predicted == pytest.approx(-gradient @ step, rel=1e-14)
        assert change.second_order == pytest.approx(-gradient @ step + step @ hessian @ step / 2, rel=1e-14)
        assert change.actual == pytest.approx(change.second_order, rel=1e-13)


def test_a_matrix_learning_rate_takes_part_in_both_orders():
    matrix = np.array([[0.3, 0.1], [0.1, 0.2]])
    change = step_decrease(PROBLEM, START, matrix)
    step = matrix @ (EIGENVALUES * START)
    assert change.predicted == pytest.approx(-(EIGENVALUES * START) @ step, rel=1e-14)
    assert change.actual == pytest.approx(PROBLEM.loss(START - step) - PROBLEM.loss(START), rel=1e-13)


def test_the_predictions_of_a_neurons_step_are_of_first_and_second_order():
    learning_rates = np.array([0.4, 0.2, 0.1])
    changes = [step_decrease(NEURON, [-2.0], eta) for eta in learning_rates]
    first = [abs(change.predicted - change.actual) for change in changes]
    second = [abs(change.second_order - change.actual) for change in changes]
    assert pairwise_orders(learning_rates, first)[-1] == pytest.approx(2.0, abs=0.1)
    assert pairwise_orders(learning_rates, second)[-1] == pytest.approx(3.0, abs=0.1)


def test_the_rows_of_a_descent_give_the_decrease_of_each_of_its_steps():
    run = descend(PROBLEM, START, 0.1, 6)
    changes = step_decrease(PROBLEM, run.weights[:-1], 0.1)
    np.testing.assert_allclose(changes.actual, np.diff(run.losses), rtol=1e-12)
    assert changes.predicted.shape == changes.second_order.shape == (6,)
    assert (changes.predicted < changes.actual).all()


def test_bad_steps_are_named():
    with pytest.raises(ValueError, match="`learning_rate` must be a positive number"):
        step_decrease(PROBLEM, START, 0.0)
    with pytest.raises(ValueError, match="`w` must have 2 weights"):
        step_decrease(PROBLEM, [1.0], 0.1)
    with pytest.raises(ValueError, match="`w` must be finite"):
        step_decrease(PROBLEM, [[1.0, np.nan]], 0.1)
