"""The experiment, run small: the linear prediction in closed form, the order of departures, the figure."""

import numpy as np
import pytest

from experiments import delayed_departure as experiment


@pytest.fixture(scope="module")
def results():
    return experiment.run(seeds=(3,), num_steps=700)


def test_a_level_is_met_from_below_only_and_in_between():
    assert experiment.meetings_from_below(np.array([1.0, 3.0, 1.0, 2.0]), 2.0) == [0.5, 3.0]
    assert experiment.meetings_from_below(np.array([2.0, 3.0]), 2.0) == []


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-12])
def test_at_constant_sharpness_the_prediction_is_a_geometric_sum(noise):
    # With m = (1 - eta S)^2, x^2 = noise^2 (m^k - 1) / (m - 1) raises the loss once it is more than
    # 2 eta |g|^2 / (S (m - 1)).
    eta, sharpness, fall, m = 0.2, 10.5, 0.01, 1.1**2
    expected = np.log(1 + 2 * eta * fall / (sharpness * noise**2)) / np.log(m)
    found = experiment.predicted_departure(
        eta, np.full(900, sharpness), np.full(900, fall), np.full(900, noise)
    )
    assert found == np.ceil(expected)


def test_below_the_limit_or_without_noise_it_never_departs():
    for sharpness, noise in ((9.9, 1e-3), (10.5, 0.0)):
        found = experiment.predicted_departure(
            0.2, np.full(500, sharpness), np.full(500, 1e-2), np.full(500, noise)
        )
        assert found == experiment.NEVER


def test_the_more_a_descent_is_disturbed_the_sooner_its_loss_rises(results):
    (net,) = results.passages
    assert net.crossing == pytest.approx(85.84 / 0.2, abs=1.0)
    assert net.crossing + 40 < net.seen["kicks"] < net.seen["float32"] < net.seen["float64"]


def test_the_flow_alone_tells_the_steps(results):
    (net,) = results.passages
    for name, step in net.seen.items():
        assert abs(step - net.predicted[name]) < 30


def test_the_growth_by_then_is_that_of_the_rounding(results):
    (net,) = results.passages
    growth = {name: net.growth[step] for name, step in net.seen.items()}
    assert 24 < growth["float64"] < 40
    assert 8 < growth["float32"] < 17
    assert growth["kicks"] < growth["float32"]
    assert net.growth[int(net.crossing)] == 0


def test_float32_weights_are_numbers_that_float32_has():
    w, _ = experiment.InSingle(0.1).update(np.array([1.0]), np.array([1e-3]), None, 0)
    assert w.dtype == np.float64
    assert w[0] == np.float32(1.0) - np.float32(0.1) * np.float32(1e-3)


def test_the_figure_shows_three_descents_the_growth_and_each_net(results):
    losses, growth, nets = experiment.plot(results).axes
    assert [line.get_label() for line in losses.lines[:4]] == ["float64", "float32", "kicks", "flow"]
    marks = [line for line in growth.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in marks] == list(results.passages[0].seen.values())
    assert sum(len(line.get_xdata()) for line in nets.lines[:3]) == 3


def test_steps_behind_the_crossing_are_told_to_ten_and_sums_in_whole_numbers(results):
    told = experiment.answers(results)
    steps = told["the loss first rises at step, to ten"]
    assert all(step % 10 == 0 for name, column in steps.items() if name != "net" for step in column)
    sums = told["sum of ln|1 - eta S| along the flow by then"]
    (net,) = results.passages
    for name, least, largest in zip(*sums.values(), strict=True):
        assert least <= net.growth[net.seen[name]] <= largest == least + 1
