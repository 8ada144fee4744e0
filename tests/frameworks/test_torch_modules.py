"""Modules of many kinds as problems: their products against differences, and what must stay constant."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import gradflow as gf

GENERATOR = np.random.default_rng(3)
VECTORS = GENERATOR.normal(size=(12, 6))
SEQUENCES = GENERATOR.normal(size=(7, 4, 6))
LABELS = GENERATOR.integers(0, 3, 12)


class Last(nn.Module):
    """A network of sequences, of which the last output counts."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.out = inner, nn.Linear(6, 3)

    def forward(self, x):
        states = self.inner(x)
        return self.out((states[0] if isinstance(states, tuple) else states)[:, -1])


class Checkpointed(nn.Module):
    """Attention whose forward pass is made again on the way back."""

    def __init__(self):
        super().__init__()
        self.inner = Last(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True))

    def forward(self, x):
        return checkpoint(self.inner, x, use_reentrant=False)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.decode.weight = self.encode.weight

    def forward(self, x):
        return self.decode(torch.tanh(self.encode(x)))


class LikeLightning(nn.Module):
    """What a LightningModule is to torch: a module with steps and optimizers of its own."""

    def __init__(self):
        super().__init__()
        self.net, self.loss = nn.Linear(6, 3), nn.CrossEntropyLoss()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return self.loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def convolutional():
    layers = nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 3)
    return nn.Sequential(nn.Unflatten(1, (1, 4, 4)), *layers)


MODULES = {
    "tied": (Tied, VECTORS, nn.MSELoss(), VECTORS[:, ::-1]),
    "lstm": (lambda: Last(nn.LSTM(6, 6, batch_first=True)), SEQUENCES, nn.CrossEntropyLoss(), LABELS[:7]),
    "attention": (
        lambda: Last(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)).eval(),
        SEQUENCES,
        nn.CrossEntropyLoss(),
        LABELS[:7],
    ),
    "checkpointed attention": (Checkpointed, SEQUENCES, nn.CrossEntropyLoss(), LABELS[:7]),
    "lightning": (LikeLightning, VECTORS, nn.CrossEntropyLoss(), LABELS),
    "convolutional": (convolutional, GENERATOR.normal(size=(12, 16)), nn.CrossEntropyLoss(), LABELS),
    "batch-norm": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).eval(),
        VECTORS,
        nn.CrossEntropyLoss(),
        LABELS,
    ),
}


def problem_of(name, dtype=torch.float64):
    torch.manual_seed(0)
    make, inputs, loss, targets = MODULES[name]
    module = make().to(dtype)
    return module, gf.problems.from_torch(module, loss, (inputs, targets))


@pytest.mark.parametrize("name", MODULES)
def test_gradients_and_products_are_those_of_differences(name):
    problem = problem_of(name)[1]
    # Weights other than the module's own.
    w, step = 0.9 * problem.initial_weights() + 0.01, 1e-5
    v = np.random.default_rng(1).normal(size=problem.num_weights)
    rise = (problem.loss(w + step * v) - problem.loss(w - step * v)) / (2 * step)
    assert problem.gradient(w) @ v == pytest.approx(rise, rel=1e-6, abs=1e-8)
    bend = (problem.gradient(w + step * v) - problem.gradient(w - step * v)) / (2 * step)
    product = problem.hvp(w, v)
    assert np.linalg.norm(product - bend) <= 1e-6 * np.linalg.norm(product)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_linearize_has_the_bits_of_loss_and_gradient(name, dtype):
    problem = problem_of(name, dtype)[1]
    for w in (problem.initial_weights(), problem.initial_weights(2)):
        loss, gradient = problem.loss_and_gradient(w)
        again, slope, _ = problem.linearize(w)
        assert (loss, *gradient) == (again, *slope)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_the_users_module_stays_untouched_bit_for_bit(name, dtype):
    module, problem = problem_of(name, dtype)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    w = problem.initial_weights(5)
    problem.linearize(w)[2](w)
    problem.loss_and_gradient(w)
    problem.module(w)
    after = module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert all(p.grad is None for p in module.parameters())


def test_tied_parameters_are_one_and_stay_tied():
    problem = problem_of("tied")[1]
    assert problem.num_weights == 36
    w = np.arange(36.0) / 36
    loaded = problem.module(w)
    assert loaded.decode.weight is loaded.encode.weight
    value = nn.MSELoss()(loaded(torch.tensor(VECTORS)), torch.tensor(VECTORS[:, ::-1].copy()))
    assert problem.loss(w) == float(value.detach())


def test_frozen_parameters_are_constants():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    whole = gf.problems.from_torch(module, nn.CrossEntropyLoss(), (VECTORS, LABELS))
    module[0].requires_grad_(False)
    problem = gf.problems.from_torch(module, nn.CrossEntropyLoss(), (VECTORS, LABELS))
    assert problem.num_weights == 18
    assert list(problem.unflatten(problem.initial_weights())) == ["2.weight", "2.bias"]
    w, v = whole.initial_weights(), np.zeros(53)
    v[35:] = np.random.default_rng(0).normal(size=18)
    assert np.array_equal(problem.initial_weights(), w[35:])
    assert np.allclose(problem.gradient(w[35:]), whole.gradient(w)[35:], rtol=0, atol=1e-15)
    assert np.allclose(problem.hvp(w[35:], v[35:]), whole.hvp(w, v)[35:], rtol=0, atol=1e-15)


def test_a_parameter_that_the_loss_does_not_touch_has_slope_zero():
    module = nn.Linear(6, 3).double()
    module.spare = nn.Parameter(torch.ones(4, dtype=torch.float64))
    problem = gf.problems.from_torch(module, nn.CrossEntropyLoss(), (VECTORS, LABELS))
    w = problem.initial_weights()
    spare = problem.flatten({n: p * 0 + (n == "spare") for n, p in problem.unflatten(w).items()}) == 1
    assert spare.sum() == 4
    product = problem.hvp(w, np.ones(25))
    assert not problem.gradient(w)[spare].any()
    assert not product[spare].any()
    assert np.count_nonzero(product) == 21


def test_a_linear_loss_has_the_product_zero():
    module = nn.Linear(6, 1).double()
    problem = gf.problems.from_torch(module, lambda out, target: (out * target).mean(), (VECTORS, VECTORS))
    w = problem.initial_weights()
    assert not problem.hvp(w, np.ones((7, 2))).any()
    assert np.linalg.norm(problem.gradient(w)) > 0


@pytest.mark.parametrize(("unit", "kinks"), [(nn.ReLU(), True), (nn.MaxPool1d(2), True), (nn.Tanh(), False)])
def test_kinks_are_seen_in_what_torch_goes_through(unit, kinks):
    module = nn.Sequential(nn.Linear(6, 6), unit, nn.LazyLinear(3))
    module(torch.zeros(2, 6))
    problem = gf.problems.from_torch(module.double(), nn.CrossEntropyLoss(), (VECTORS, LABELS))
    assert problem.has_kinks is kinks
    assert problem.subset([0, 1]).has_kinks is kinks
