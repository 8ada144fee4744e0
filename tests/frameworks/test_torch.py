"""A torch module as a problem, against torch itself."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import gradflow as gf


def digits(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 6, generator=generator, dtype=dtype)
    return inputs, torch.randint(0, 3, (40,), generator=generator)


def net(dtype=torch.float64):
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_and_gradient_are_those_of_torch(dtype, reduction):
    module, loss, (inputs, targets) = net(dtype), nn.CrossEntropyLoss(reduction=reduction), digits(dtype)
    problem = gf.problems.from_torch(module, loss, (inputs, targets))
    value = loss(module(inputs), targets)
    native = torch.autograd.grad(value, list(module.parameters()))
    found, gradient = problem.loss_and_gradient(problem.initial_weights())
    assert found == float(value.detach())
    assert np.array_equal(gradient, torch.cat([g.reshape(-1) for g in native]).double().numpy())
    assert problem.averaged == (reduction == "mean")


def test_products_are_differences_of_gradients_in_batches_and_whole():
    module, data = net(), digits()
    whole = gf.problems.from_torch(module, nn.CrossEntropyLoss(), data)
    batches = gf.problems.from_torch(module, nn.CrossEntropyLoss(), data, batch_size=7)
    w = whole.initial_weights()
    v = np.random.default_rng(0).normal(size=(whole.num_weights, 2))
    step = 1e-5
    for column in v.T:
        difference = (whole.gradient(w + step * column) - whole.gradient(w - step * column)) / (2 * step)
        assert np.allclose(whole.hvp(w, column), difference, rtol=0, atol=1e-7)
    assert np.allclose(batches.hvp(w, v), whole.hvp(w, v), rtol=0, atol=1e-14)


def test_a_kept_product_stays_that_of_its_own_point():
    problem = gf.problems.from_torch(net(), nn.CrossEntropyLoss(), digits())
    w, v = problem.initial_weights(), np.ones(problem.num_weights)
    product = problem.linearize(w)[2]
    before = product(v)
    problem.loss_and_gradient(w + 1.0)
    assert np.array_equal(product(v), before)


def test_dropout_in_training_mode_is_told_to_be_switched_off():
    with pytest.raises(ValueError, match=r"module\.eval\(\)"):
        gf.problems.from_torch(nn.Sequential(net(), nn.Dropout()), nn.CrossEntropyLoss(), digits())


def test_the_module_and_the_random_numbers_of_torch_stay_as_they_are():
    module = nn.Sequential(net(), nn.BatchNorm1d(3)).double().eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    problem = gf.problems.from_torch(module, nn.CrossEntropyLoss(), digits())
    state = torch.get_rng_state()
    w = problem.initial_weights(3)
    problem.linearize(w)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert np.array_equal(problem.initial_weights(3), w)
    assert not np.array_equal(problem.initial_weights(), w)


def test_weights_go_out_and_come_back():
    problem = gf.problems.from_torch(net(), nn.CrossEntropyLoss(), digits())
    w = problem.initial_weights(1)
    assert np.array_equal(problem.flatten(problem.unflatten(w)), w)
    again = gf.problems.from_torch(problem.module(w), nn.CrossEntropyLoss(), digits())
    assert np.array_equal(again.initial_weights(), w)
    assert pickle.loads(pickle.dumps(problem)).loss(w) == problem.loss(w)


def test_batch_norm_in_training_mode_is_told_to_be_switched_off():
    module = nn.Sequential(net(), nn.BatchNorm1d(3)).double()
    with pytest.raises(ValueError, match=r"module\.eval\(\)"):
        gf.problems.from_torch(module, nn.CrossEntropyLoss(), digits())
    assert int(module[1].num_batches_tracked) == 0


@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_precision_is_that_of_the_module_however_batches_are_added(batch_size):
    module, (inputs, targets) = net(torch.float32), digits(torch.float32)
    single, double = (
        gf.problems.from_torch(
            module.to(dtype), nn.CrossEntropyLoss(), (inputs.to(dtype), targets), batch_size=batch_size
        )
        for dtype in (torch.float32, torch.float64)
    )
    assert (single.gradient_precision, double.gradient_precision) == (2.0**-23, 2.0**-52)
    w = single.initial_weights()
    right = gf.curvature.sharpness(double, w, 1e-9)
    assert gf.curvature.sharpness(single, w) == pytest.approx(right, rel=2e-6)
    with pytest.warns(RuntimeWarning, match="vouched for to 1e-06 of its size, not to tol 1e-09"):
        gf.curvature.sharpness(single, w, 1e-9)
    with pytest.warns(RuntimeWarning, match="`rtol` must be at least 1e-06"):
        run = gf.integrate(gf.GradientFlow(single), w, 1.0, rtol=1e-9)
    truth = gf.integrate(gf.GradientFlow(double), w, 1.0, rtol=1e-9).final_weights
    assert np.linalg.norm(run.final_weights - truth) < 1e-5 * np.linalg.norm(truth)
