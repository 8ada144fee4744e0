"""The problem of a torch module: loss, gradient and products over numpy vectors."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.problems import batched
from gradflow.problems.adapters import torch_many
from gradflow.problems.adapters.torch_graphs import KeptGraphs
from gradflow.problems.adapters.torch_network import Copy, Network
from gradflow.types import Array, Product


@runtime_checkable
class _Resettable(Protocol):
    def reset_parameters(self) -> None: ...


@final
class TorchProblem:
    """What `from_torch` returns: a problem with samples and a start."""

    averaged = True
    has_kinks = False

    def __init__(self, network: Network, inputs: Any, targets: Any, batch_size: int | None) -> None:
        self._network, self._inputs, self._targets = network, inputs, targets
        self._batch_size = batch_size
        self.num_weights, self.num_samples = network.num_weights, len(inputs)

    def __repr__(self) -> str:
        return f"TorchProblem({self.num_weights} weights, {self._network.dtype}, {self.num_samples} samples)"

    @property
    def has_batches(self) -> bool:
        """Whether the samples pass through the module in more than one batch."""
        return self._batch_size is not None and self._batch_size < self.num_samples

    @property
    def gradient_precision(self) -> float:
        """Relative precision of gradients and products: that of the module's dtype."""
        import torch

        return float(torch.finfo(self._network.dtype).eps)

    def different(self, count: int) -> NDArray[np.intp]:
        """Return the numbers of samples whose targets differ, where these are classes: `count` at most."""
        if self._targets.is_floating_point():
            return np.empty(0, dtype=np.intp)
        flat = self._targets.reshape(self.num_samples, -1)[:, 0].cpu().numpy()
        return np.unique(flat, return_index=True)[1][:count]

    def shapes(self) -> str:
        """Return shapes and dtypes of the data, for people."""
        parts = {"inputs": self._inputs, "targets": self._targets}
        return " and ".join(f"{name} {tuple(part.shape)} {part.dtype}" for name, part in parts.items())

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        import torch

        own = self._network.take(validate.shaped(w, self.num_weights))
        with torch.no_grad(), self._network.evaluating():
            total = sum(share * float(own.value(*rows)) for *rows, share in self.batches())
        self._network.give_back(own)
        return total

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w, batch after batch."""
        own = self._network.take(validate.shaped(w, self.num_weights))
        loss, gradient, _ = self._evaluated(own, keep=False)
        self._network.give_back(own)
        return loss, gradient

    def losses_and_gradients(self, W: ArrayLike) -> tuple[Array, Array]:
        """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n), by ``torch.func.vmap``.

        One row after another where an operation of the module cannot be taken for many.
        """
        rows = batched.rows(W, self.num_weights)
        if self._network.takes_many:
            try:
                return torch_many.losses_and_gradients(self._network, rows, self.batches())
            except Exception:  # whatever torch raises where an operation has no batching rule
                self._network.takes_many = False
        found = [self.loss_and_gradient(row) for row in rows]
        return np.array([loss for loss, _ in found]), np.array([gradient for _, gradient in found])

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k)."""
        v = validate.directions(v, self.num_weights)
        return self.linearize(w)[2](v)

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v, each a backward pass through the kept graph."""
        own = self._network.take(validate.shaped(w, self.num_weights))
        loss, gradient, graphs = self._evaluated(own, keep=True)
        product = KeptGraphs(self._network, own.parameters, graphs)
        # Nobody else may write into the copy as long as there is a graph over it.
        weakref.finalize(product, self._network.give_back, own).atexit = False
        return loss, gradient, product

    def _evaluated(self, own: Copy, keep: bool) -> tuple[float, Array, list[tuple[Any, float]]]:
        import torch

        # Made first: at the height of what the passes take it would break up the memory they leave.
        total, gradient, graphs = 0.0, np.zeros(self.num_weights), []
        twice = keep or self._network.is_recurrent
        with self._network.evaluating():
            for inputs, targets, share in self.batches():
                value = own.value(inputs, targets, keep)
                slopes = torch.autograd.grad(value, own.parameters, create_graph=twice, allow_unused=True)
                total += share * value.item()
                slope = self._network.flat(slopes)
                gradient += slope if share == 1.0 else share * slope
                if keep:
                    graphs.append((slopes, share))
        return total, gradient, graphs

    def subset(self, indices: ArrayLike) -> TorchProblem:
        """Return the problem on the samples `indices` alone, repeats allowed."""
        import torch

        chosen = validate.indices("indices", indices, self.num_samples)
        rows = torch.tensor(chosen, device=self._inputs.device)
        part = TorchProblem(self._network, self._inputs[rows], self._targets[rows], self._batch_size)
        part.averaged, part.has_kinks = self.averaged, self.has_kinks
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

    def layers(self) -> list[NDArray[np.intp]]:
        """Return for each part of the module that has trainable parameters the places of its weights."""
        return self._network.places()

    def module(self, w: ArrayLike) -> Any:
        """Return a copy of the module with the weights w in it."""
        loaded = copy.deepcopy(self._network.module)
        loaded.load_state_dict(self.unflatten(w), strict=False)
        return loaded

    def batches(self) -> Iterator[tuple[Any, Any, float]]:
        """Yield inputs, targets and the share of their loss in the whole."""
        size = self._batch_size
        if size is None or size >= self.num_samples:
            yield self._inputs, self._targets, 1.0
            return
        for first in range(0, self.num_samples, size):
            inputs, targets = self._inputs[first : first + size], self._targets[first : first + size]
            yield inputs, targets, len(inputs) / self.num_samples if self.averaged else 1.0
