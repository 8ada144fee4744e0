"""Flows, descents, sharpness and studies of torch modules, in their own precision."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import gradflow as gf

PIXELS, DIGITS = gf.datasets.digits()
PIXELS, DIGITS = PIXELS[:150] / 16, DIGITS[:150]


def problem_in(dtype):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 10)).to(dtype)
    return gf.problems.from_torch(module, nn.CrossEntropyLoss(), (PIXELS, DIGITS))


@pytest.fixture(scope="module")
def single():
    return problem_in(torch.float32)


@pytest.fixture(scope="module")
def double():
    return problem_in(torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_descent_is_that_of_torch(dtype):
    problem = problem_in(dtype)
    w0, eta = problem.initial_weights(), 0.2
    run = gf.descend(problem, w0, eta, num_steps=20)
    module = problem.module(w0)
    optimizer = torch.optim.SGD(module.parameters(), eta)
    inputs, targets = torch.tensor(PIXELS, dtype=dtype), torch.tensor(DIGITS)
    for _ in range(20):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(module(inputs), targets).backward()
        optimizer.step()
    native = torch.cat([p.detach().reshape(-1) for p in module.parameters()]).double().numpy()
    rounding = 100 * torch.finfo(dtype).eps
    assert np.linalg.norm(run.final_weights - native) <= rounding * np.linalg.norm(native)


def test_a_mini_batch_step_is_the_mean_of_its_samples(single):
    w0 = single.initial_weights()
    run = gf.descend(single, w0, 0.1, num_steps=1, batch=32, seed=3)
    moved = (w0 - run.final_weights) / 0.1
    each = np.stack([single.subset([i]).gradient(w0) for i in range(150)])
    # The step is the mean over 32 samples: so many shares of 1/32, the others none.
    shares = np.linalg.lstsq(each.T, moved, rcond=None)[0]
    assert np.allclose(np.sort(shares)[-32:], 1 / 32, rtol=0, atol=1e-3)
    assert np.allclose(np.sort(shares)[:-32], 0, rtol=0, atol=1e-3)


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(single, double):
    w = single.initial_weights()
    hessian = double.hvp(w, np.eye(double.num_weights))
    assert np.allclose(hessian, hessian.T, rtol=0, atol=1e-15)
    largest = np.linalg.eigvalsh(hessian)[-1]
    assert gf.curvature.sharpness(double, w) == pytest.approx(largest, rel=1e-6)
    assert gf.curvature.sharpness(single, w) == pytest.approx(largest, rel=1e-5)


def test_descents_of_a_study_approach_the_flow_in_proportion_to_eta(single):
    w0 = single.initial_weights()
    limit = 2 / gf.curvature.sharpness(single, w0)
    result = gf.study(single, w0, [0.1 * limit, 0.02 * limit], end_time=limit)
    assert result.order == pytest.approx(1.0, abs=0.05)


def test_a_pickled_problem_is_the_same_and_small(single):
    w = single.initial_weights(1)
    single.linearize(w)
    written = pickle.dumps(single)
    again = pickle.loads(written)
    assert again.loss_and_gradient(w)[0] == single.loss_and_gradient(w)[0]
    assert np.array_equal(again.gradient(w), single.gradient(w))
    data = PIXELS.size * 4 + DIGITS.size * 8
    assert len(written) < data + 2 * 4 * single.num_weights + 10_000


def test_products_live_side_by_side(double):
    w, v = double.initial_weights(), np.ones(double.num_weights)
    products = [double.linearize(k * w)[2] for k in (1.0, 0.5, 0.1)]
    for k, product in zip((1.0, 0.5, 0.1), products, strict=True):
        assert np.array_equal(product(v), double.hvp(k * w, v))


def test_layers_are_the_parts_of_the_module_with_weights_of_their_own(double):
    w = double.initial_weights()
    hessian = double.hvp(w, np.eye(double.num_weights))
    blocks = [slice(0, 64 * 12 + 12), slice(64 * 12 + 12, None)]
    expected = [np.linalg.eigvalsh(hessian[block, block])[-1] for block in blocks]
    assert gf.curvature.layer_sharpness(double, w) == pytest.approx(expected, rel=1e-6)
