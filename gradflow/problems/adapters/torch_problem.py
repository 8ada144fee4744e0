"""The problem of a torch module: loss, gradient and products over numpy vectors."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.adapters.torch_network import Network
from gradflow.types import Array, Product


@runtime_checkable
class _Resettable(Protocol):
    def reset_parameters(self) -> None: ...


@final
class TorchProblem:
    """What `from_torch` returns: a problem with samples and a start."""

    averaged = True

    def __init__(self, network: Network, inputs: Any, targets: Any, batch_size: int | None) -> None:
        self._network, self._inputs, self._targets = network, inputs, targets
        self._batch_size = batch_size
        self.num_weights, self.num_samples = network.num_weights, len(inputs)

    def __repr__(self) -> str:
        return f"TorchProblem({self.num_weights} weights, {self._network.dtype}, {self.num_samples} samples)"

    def shapes(self) -> str:
        """Return shapes and dtypes of the data, for people."""
        parts = {"inputs": self._inputs, "targets": self._targets}
        return " and ".join(f"{name} {tuple(part.shape)} {part.dtype}" for name, part in parts.items())

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        import torch

        self._network.load(validate.shaped(w, self.num_weights))
        with torch.no_grad(), _mathematical_attention():
            return sum(share * float(self._network.value(*rows)) for *rows, share in self._batches())

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w, batch after batch."""
        import torch

        network, total, gradient = self._network, 0.0, np.zeros(self.num_weights)
        views = network.load(validate.shaped(w, self.num_weights))
        with _mathematical_attention():
            for *rows, share in self._batches():
                value = network.value(*rows)
                gradient += share * network.flat(torch.autograd.grad(value, views, allow_unused=True))
                total += share * float(value.detach())
        return total, gradient

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k)."""
        v = validate.directions(v, self.num_weights)
        return self.linearize(w)[2](v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v, each a backward pass through the kept graph."""
        import torch

        network, total, gradient, graphs = self._network, 0.0, np.zeros(self.num_weights), []
        leaves = network.leaves(validate.shaped(w, self.num_weights))
        with _mathematical_attention():
            for *rows, share in self._batches():
                value = network.value_of(leaves, *rows)
                slopes = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
                gradient += share * network.flat(slopes)
                total += share * float(value.detach())
                graphs.append((slopes, share))
        return total, gradient, _Products(network, leaves, graphs)

    def subset(self, indices: ArrayLike) -> TorchProblem:
        """Return the problem on the samples `indices` alone, repeats allowed."""
        import torch

        chosen = validate.indices("indices", indices, self.num_samples)
        rows = torch.tensor(chosen, device=self._inputs.device)
        part = TorchProblem(self._network, self._inputs[rows], self._targets[rows], self._batch_size)
        part.averaged = self.averaged
        return part

    def initial_weights(self, seed: int | None = None, scale: float = 1.0) -> Array:
        """Return the module's own weights, or with a seed what its parts draw anew, shape (n,).

        A part draws if it knows ``reset_parameters()``, as torch's layers do; other weights stay its own.
        The random numbers are torch's, whose own state stays as it was.
        """
        import torch

        if seed is None:
            return scale * self.flatten(dict(self._network.module.named_parameters()))
        fresh, where = copy.deepcopy(self._network.module), self._inputs.device
        with torch.random.fork_rng([where] if where.type == "cuda" else []):
            torch.manual_seed(validate.whole("seed", seed))
            for part in fresh.modules():
                if isinstance(part, _Resettable):
                    part.reset_parameters()
        return scale * self.flatten(dict(fresh.named_parameters()))

    def unflatten(self, w: ArrayLike) -> dict[str, Any]:
        """Return the trainable parameters by name, tensors as in a ``state_dict``."""
        pieces = self._network.pieces(validate.shaped(w, self.num_weights))
        return dict(zip(self._network.names, pieces, strict=True))

    def flatten(self, parameters: dict[str, Any]) -> Array:
        """Return the weight vector of the trainable parameters by name, shape (n,)."""
        missing = [name for name in self._network.names if name not in parameters]
        if missing:
            raise ValueError(f"`parameters` must have all of the trainable ones, got none named {missing[0]}")
        flat = self._network.flat(parameters[name] for name in self._network.names)
        return validate.shaped(flat, self.num_weights)

    def module(self, w: ArrayLike) -> Any:
        """Return a copy of the module with the weights w in it."""
        loaded = copy.deepcopy(self._network.module)
        loaded.load_state_dict(self.unflatten(w), strict=False)
        return loaded

    def _batches(self) -> Iterator[tuple[Any, Any, float]]:
        """Yield inputs, targets and the share of their loss in the whole."""
        size = self._batch_size or self.num_samples
        for first in range(0, self.num_samples, size):
            inputs, targets = self._inputs[first : first + size], self._targets[first : first + size]
            yield inputs, targets, len(inputs) / self.num_samples if self.averaged else 1.0


class _Products:
    """The product v -> H v through the kept graphs of batches."""

    def __init__(self, network: Network, leaves: list[Any], graphs: list[tuple[Any, float]]) -> None:
        self._network, self._leaves = network, leaves
        self._graphs = [(_bent(slopes), share) for slopes, share in graphs]

    def __call__(self, v: ArrayLike) -> Array:
        v = validate.directions(v, self._network.num_weights)
        return self._single(v) if v.ndim == 1 else np.stack([self._single(column) for column in v.T], axis=1)

    def _single(self, v: Array) -> Array:
        import torch

        pieces, product = self._network.pieces(v), np.zeros(self._network.num_weights)
        with _mathematical_attention():
            for bent, share in self._graphs:
                if bent:
                    slopes, along = [slope for _, slope in bent], [pieces[i] for i, _ in bent]
                    again = torch.autograd.grad(
                        slopes, self._leaves, along, retain_graph=True, allow_unused=True
                    )
                    product += share * self._network.flat(again)
        return product


def _bent(slopes: Any) -> list[tuple[int, Any]]:
    """Return the slopes that are not constant, by number: the others have no part in the Hessian."""
    return [(i, slope) for i, slope in enumerate(slopes) if slope is not None and slope.requires_grad]


@contextmanager
def _mathematical_attention() -> Iterator[None]:
    """Keep from the fused kernels of attention, which have no second derivative.

    The same as ``torch.nn.attention.sdpa_kernel(SDPBackend.MATH)``, which takes 12 microseconds to this 3.
    """
    from torch.backends import cuda

    switches = (
        (cuda.enable_flash_sdp, cuda.flash_sdp_enabled()),
        (cuda.enable_mem_efficient_sdp, cuda.mem_efficient_sdp_enabled()),
        (cuda.enable_cudnn_sdp, cuda.cudnn_sdp_enabled()),
        (cuda.enable_math_sdp, cuda.math_sdp_enabled()),
    )
    for switch, _ in switches:
        switch(switch is cuda.enable_math_sdp)
    try:
        yield
    finally:
        for switch, before in switches:
            switch(before)
