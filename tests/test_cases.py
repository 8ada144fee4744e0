"""Named cases: every one runs, starts where its seed says, and brackets the stability limit."""

import numpy as np
import pytest

import gradflow as gf
from gradflow import cases


@pytest.fixture(scope="module", params=cases.CASES)
def case(request):
    return cases.make(request.param)


class TestEveryCase:
    def test_its_start_fits_its_problem_and_is_read_only(self, case):
        assert case.w0.shape == (case.problem.num_weights,)
        assert np.isfinite(case.problem.loss(case.w0))
        assert not case.w0.flags.writeable

    def test_it_is_described_in_one_line(self, case):
        assert case.description
        assert "\n" not in case.description

    def test_its_learning_rates_lie_below_and_above_the_stability_limit(self, case):
        limit = gf.analysis.stability.largest_stable_learning_rate(case.problem, case.w0)
        rates = case.learning_rates
        assert list(rates) == sorted(rates)
        assert rates[0] < 0.5 * limit
        assert any(0.85 * limit < rate < 1.15 * limit for rate in rates)
        assert rates[-1] > 1.05 * limit

    def test_its_learning_rates_have_at_most_three_digits(self, case):
        assert all(rate == float(f"{rate:.3g}") for rate in case.learning_rates)

    def test_every_learning_rate_gets_at_least_ten_steps(self, case):
        assert case.end_time / case.learning_rates[-1] >= 10


@pytest.mark.parametrize("name", cases.CASES)
def test_the_seed_decides_the_start(name):
    first, again, other = (cases.make(name, seed=seed).w0 for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["digits", "xor", "parity-3", "chebyshev-5"])
def test_networks_take_other_widths(name):
    problem = cases.make(name, widths=(3, 2)).problem
    assert problem.widths == (3, 2)


@pytest.mark.parametrize("name", ["quadratic", "identity-neuron", "linear-digits", "logistic-digits"])
def test_cases_without_hidden_layers_refuse_widths(name):
    with pytest.raises(ValueError, match=f"`widths` must be left out for {name}"):
        cases.make(name, widths=(3,))


def test_an_unknown_case_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"`problem` must be one of digits, .* got 'mnist'"):
        cases.make("mnist")


def test_the_identity_neuron_is_that_of_the_seed():
    problem = cases.make("identity-neuron").problem
    assert problem.inputs.tolist() == problem.targets.tolist() == [0.0, 1.0]


def test_digits_are_all_of_them_through_one_hidden_layer():
    problem = cases.make("digits").problem
    assert (problem.num_samples, problem.num_weights) == (1797, 65 * 32 + 33 * 10)
    assert problem.averaged


@pytest.mark.parametrize("name", ["quadratic", "linear-digits"])
def test_where_the_limit_is_exact_descent_converges_below_it_and_grows_above(name):
    case = cases.make(name)
    below, above = (
        gf.descend(case.problem, case.w0, eta, int(case.end_time / eta), record_every=1000)
        for eta in case.learning_rates[-2:]
    )
    assert below.final_loss < below.losses[0]
    assert above.final_loss > 30 * above.losses[0]


def test_digits_at_the_largest_rate_diverge_and_at_the_second_largest_leave_the_flow_but_learn():
    case = cases.make("digits")
    leaves, diverges = (
        gf.descend(case.problem, case.w0, eta, int(case.end_time / eta), record_every=10_000)
        for eta in case.learning_rates[-2:]
    )
    assert diverges.outcome is gf.Outcome.DIVERGED
    assert leaves.step_losses.max() > leaves.losses[0] > 4 * leaves.final_loss
