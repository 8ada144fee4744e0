"""Flows in float32 meet their tolerance at the gradients of float64."""

import numpy as np
import pytest
import torch
from torch import nn

import gradflow as gf

PIXELS, DIGITS = gf.datasets.digits()
END = 30.0


def perceptron():
    return nn.Sequential(nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 10)), PIXELS[:150] / 16


def convolutional():
    layers = nn.Conv2d(1, 3, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(27, 10)
    return nn.Sequential(*layers), PIXELS[:100].reshape(-1, 1, 8, 8) / 16


class Pair:
    """One network in either precision, from the same weights, which are float32 numbers; and its truth."""

    def __init__(self, make):
        torch.manual_seed(0)
        module, inputs = make()
        data = inputs, DIGITS[: len(inputs)]
        self.single = gf.problems.from_torch(module, nn.CrossEntropyLoss(), data)
        self.double = gf.problems.from_torch(module.double(), nn.CrossEntropyLoss(), data)
        self.truth = self.flow(self.double, 1e-9).final_weights

    def flow(self, problem, rtol):
        w0 = self.single.initial_weights()
        return gf.integrate(gf.GradientFlow(problem), w0, END, rtol=rtol, times=2)


@pytest.fixture(scope="module", params=[perceptron, convolutional], ids=lambda make: make.__name__)
def pair(request):
    return Pair(request.param)


@pytest.mark.parametrize(("rtol", "factor"), [(1e-3, 5), (1e-4, 5), (1e-6, 10)])
def test_flows_in_float32_meet_their_tolerance(pair, rtol, factor):
    single, double = (pair.flow(problem, rtol) for problem in (pair.single, pair.double))
    for flow in (single, double):
        assert np.linalg.norm(flow.final_weights - pair.truth) <= factor * rtol * np.linalg.norm(pair.truth)
    assert single.num_gradients <= 1.1 * double.num_gradients
