"""Convolutions derived twice: torch's values and gradients to the last bit, and its second derivative."""

import numpy as np
import pytest
import torch
from torch import nn

import gradflow as gf

LAYERS = {
    "plain": lambda: nn.Conv2d(4, 3, 3, padding=1),
    "no offset": lambda: nn.Conv2d(4, 3, 3, bias=False),
    "uneven": lambda: nn.Conv2d(4, 3, (3, 2), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
    "groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "same": lambda: nn.Conv2d(4, 3, 3, padding="same"),
    "circular": lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular"),
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 3),
    "line": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 3, 3)),
    "space": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Conv3d(2, 3, 2)),
}


class WithPenalty(nn.Module):
    """A network whose output holds the slopes of its inner one along the inputs."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        with torch.enable_grad():
            x = x.requires_grad_()
            out = self.inner(x)
            (slopes,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        return out + slopes.square().mean(dim=(1, 2, 3))[:, None]


def made(layer, dtype, penalty=False):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), layer(), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3))
    net, inputs = net.to(dtype), torch.randn(5, 2, 7, 6, dtype=dtype)
    net(inputs)
    net = WithPenalty(net) if penalty else net
    targets = torch.randint(0, 3, (5,))
    return net, (inputs, targets), gf.problems.from_torch(net, nn.CrossEntropyLoss(), (inputs, targets))


def product_of_torch(net, data, v):
    parameters, pieces = list(net.parameters()), []
    for p in parameters:
        pieces.append(torch.tensor(v[: p.numel()], dtype=p.dtype).view(p.shape))
        v = v[p.numel() :]
    loss = nn.CrossEntropyLoss()(net(data[0]), data[1])
    slopes = torch.autograd.grad(loss, parameters, create_graph=True)
    twice = torch.autograd.grad(slopes, parameters, pieces)
    return [
        torch.cat([part.detach().reshape(-1) for part in parts]).double().numpy() for parts in (slopes, twice)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_slopes_and_products_are_those_of_torch(layer, dtype):
    net, data, problem = made(layer, dtype)
    w, v = problem.initial_weights(), np.random.default_rng(0).normal(size=problem.num_weights)
    loss, gradient, product = problem.linearize(w)
    slopes, twice = product_of_torch(net, data, v)
    assert (loss, *gradient) == (problem.loss(w), *slopes)
    assert np.linalg.norm(product(v) - twice) <= 10 * torch.finfo(dtype).eps * np.linalg.norm(twice)


def test_a_loss_that_holds_slopes_of_its_own_is_derived_a_third_time():
    net, data, problem = made(LAYERS["plain"], torch.float64, penalty=True)
    w, v = problem.initial_weights(), np.random.default_rng(0).normal(size=problem.num_weights)
    _, gradient, product = problem.linearize(w)
    slopes, twice = product_of_torch(net, data, v)
    assert np.allclose(gradient, slopes, rtol=0, atol=1e-15)
    assert np.linalg.norm(product(v) - twice) <= 1e-13 * np.linalg.norm(twice)
    step = 1e-5
    bend = (problem.gradient(w + step * v) - problem.gradient(w - step * v)) / (2 * step)
    assert np.linalg.norm(product(v) - bend) <= 1e-6 * np.linalg.norm(bend)


def test_samples_mapped_by_torch_are_derived_twice():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(60, 3)).double()

        def forward(self, x):
            return torch.func.vmap(lambda each: self.inner(each[None])[0])(x)

    torch.manual_seed(0)
    module, inputs, targets = Mapped(), torch.randn(5, 2, 7, 6, dtype=torch.float64), torch.arange(5) % 3
    mapped, plain = (
        gf.problems.from_torch(m, nn.CrossEntropyLoss(), (inputs, targets)) for m in (module, module.inner)
    )
    w, v = plain.initial_weights(), np.random.default_rng(0).normal(size=plain.num_weights)
    assert np.allclose(mapped.hvp(w, v), plain.hvp(w, v), rtol=0, atol=1e-13)
