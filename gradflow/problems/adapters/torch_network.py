"""A torch module over one flat vector of its trainable parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.adapters.torch_convolutions import Convolutions
from gradflow.types import Array


class Network:
    """A module with a loss, and the order of its trainable parameters in a weight vector."""

    def __init__(self, module: Any, loss: Callable[..., Any]) -> None:
        self.module, self.loss = module, loss
        trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.dtype, self.device = _common(trained)
        self.names = list(trained)
        self._shapes = [p.shape for p in trained.values()]
        self._sizes = [p.numel() for p in trained.values()]
        self.num_weights = sum(self._sizes)
        # Their fused backward pass, rounded otherwise, is not taken where it is to be differentiated again.
        self.is_recurrent = _is_recurrent(module)
        # Whether attention is on the way, whose fused kernels have no second derivative.
        self.attends = True
        # Whether ``torch.func.vmap`` has not failed yet.
        self.takes_many = not self.is_recurrent
        self._free: list[Copy] = []

    def __getstate__(self) -> dict[str, Any]:
        # Each view of a copy would be written with the whole buffer.
        return vars(self) | {"_free": []}

    def evaluating(self) -> AbstractContextManager[Any]:
        """Return the context of all evaluations: attention by its mathematical backend."""
        if not self.attends:
            return nullcontext()
        from torch.nn.attention import SDPBackend, sdpa_kernel

        return sdpa_kernel(SDPBackend.MATH)

    def take(self, w: Array) -> Copy:
        """Return a copy at w that is nobody else's until it is given back."""
        taken = self._free.pop() if self._free else Copy(self)
        taken.load(w)
        return taken

    def give_back(self, taken: Copy) -> None:
        """Let a copy serve again."""
        self._free.append(taken)

    def pieces(self, v: Array) -> list[Any]:
        """Return the parts of a vector in tensors of their own, shaped as the parameters."""
        import torch

        return self.split(torch.tensor(v, dtype=self.dtype, device=self.device))

    def split(self, flat: Any) -> list[Any]:
        """Return views of a flat tensor, shaped as the parameters."""
        parts = zip(flat.split(self._sizes), self._shapes, strict=True)
        return [piece.view(shape) for piece, shape in parts]

    def stacked(self, rows: Any) -> list[Any]:
        """Return views (K, ...) of the columns of a tensor (K, n), shaped as the parameters."""
        parts = zip(rows.split(self._sizes, dim=1), self._shapes, strict=True)
        return [piece.reshape(len(rows), *shape) for piece, shape in parts]

    def places(self) -> list[NDArray[np.intp]]:
        """Return the places in a vector of the parameters of each part of the module, which names tell."""
        owners, ends = [name.rpartition(".")[0] for name in self.names], np.cumsum(self._sizes)
        ranges = [np.arange(end - size, end) for size, end in zip(self._sizes, ends, strict=True)]
        grouped: dict[str, list[NDArray[np.intp]]] = {}
        for owner, each in zip(owners, ranges, strict=True):
            grouped.setdefault(owner, []).append(each)
        return [np.concatenate(each) for each in grouped.values()]

    def flat(self, parts: Iterable[Any]) -> Array:
        """Return a vector of its parts, None being zeros."""
        import torch

        filled = [
            torch.zeros(size, dtype=self.dtype, device=self.device) if part is None else part.reshape(-1)
            for part, size in zip(parts, self._sizes, strict=True)
        ]
        return torch.cat(filled).detach().double().cpu().numpy()


class Copy:
    """A copy of the module whose trainable parameters are views of one buffer, written once a point.

    A graph that is kept keeps its copy: it must not see the next weights. Parameters put in for the call
    alone would not do, for a module that makes its forward pass again on the way back
    (``torch.utils.checkpoint``) would then find others.
    """

    def __init__(self, network: Network) -> None:
        import torch

        self._module, self._loss = copy.deepcopy(network.module), network.loss
        self._original = network.module
        own = dict(self._module.named_parameters())
        self.parameters = [own[name] for name in network.names]
        self._buffer = torch.zeros(network.num_weights, dtype=network.dtype, device=network.device)
        # Numpy's way into the buffer, or what is copied there where it lies on another device.
        self._host = self._buffer.cpu()
        for parameter, piece in zip(self.parameters, network.split(self._buffer), strict=True):
            parameter.data = piece
        self._convolutions = Convolutions(self._module)

    def load(self, w: Array) -> None:
        """Write w into the buffer."""
        with np.errstate(over="ignore"):
            self._host.numpy()[:] = w
        if self._buffer is not self._host:
            self._buffer.copy_(self._host)

    def value(self, inputs: Any, targets: Any, derived_twice: bool = False) -> Any:
        """Return the loss of these samples, in a graph whose slopes are derived too or in a plain one."""
        self._convolutions.derived_twice = derived_twice
        return self._loss(self._module(inputs), targets)

    def moved_buffers(self) -> list[str]:
        """Return the names of buffers that are not those of the module any more."""
        import torch

        pairs = zip(self._module.named_buffers(), self._original.buffers(), strict=True)
        return [
            name
            for (name, own), before in pairs
            if not torch.allclose(own, before, rtol=0.0, atol=0.0, equal_nan=True)
        ]


def _is_recurrent(module: Any) -> bool:
    import torch

    return any(isinstance(part, torch.nn.RNNBase) for part in module.modules())


def _common(trained: dict[str, Any]) -> tuple[Any, Any]:
    """Return the one dtype and the one device of the trainable parameters."""
    import torch

    kinds = {(p.dtype, p.device) for p in trained.values()}
    if len(kinds) != 1 or not {dtype for dtype, _ in kinds} <= {torch.float32, torch.float64}:
        got = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds)) or "none"
        raise ValueError(
            "`module` must have trainable parameters all float32 or all float64, on one device, got " + got
        )
    return next(iter(kinds))
