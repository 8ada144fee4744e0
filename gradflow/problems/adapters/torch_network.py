"""A torch module with a loss over one flat vector of its trainable parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradflow.types import Array


class Network:
    """The module, and a copy of it whose trainable parameters are views of one buffer.

    The buffer serves one evaluation at a time. A graph that is kept must not see the next weights: it is
    made of fresh `leaves`, with copies of the module's buffers.
    """

    def __init__(self, module: Any, loss: Callable[..., Any]) -> None:
        self.module, self._loss = module, loss
        trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.dtype, self.device = _common(trained)
        self.names = list(trained)
        self._shapes = [p.shape for p in trained.values()]
        self._sizes = [p.numel() for p in trained.values()]
        self.num_weights = sum(self._sizes)
        self._make_views()

    def __getstate__(self) -> dict[str, Any]:
        # Each view would be written with the whole buffer.
        return {key: value for key, value in vars(self).items() if not key.startswith("_view")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_views()

    def _make_views(self) -> None:
        self._viewing = copy.deepcopy(self.module)
        own = dict(self._viewing.named_parameters())
        self._views = [own[name] for name in self.names]
        self._view_buffer = self._buffer()
        # Numpy's way into the buffer, or what is copied there where it lies on another device.
        self._view_host = self._view_buffer.cpu()
        for view, piece in zip(self._views, self._split(self._view_buffer), strict=True):
            view.data = piece

    def _buffer(self) -> Any:
        import torch

        return torch.zeros(self.num_weights, dtype=self.dtype, device=self.device)

    def _split(self, flat: Any) -> list[Any]:
        parts = zip(flat.split(self._sizes), self._shapes, strict=True)
        return [piece.view(shape) for piece, shape in parts]

    def load(self, w: Array) -> list[Any]:
        """Write w into the buffer and return the parameters, its views."""
        with np.errstate(over="ignore"):
            self._view_host.numpy()[:] = w
        if self._view_buffer is not self._view_host:
            self._view_buffer.copy_(self._view_host)
        return self._views

    def value(self, inputs: Any, targets: Any) -> Any:
        """Return the loss of these samples at the weights loaded."""
        return self._loss(self._viewing(inputs), targets)

    def pieces(self, v: Array) -> list[Any]:
        """Return the parts of a vector in tensors of their own, shaped as the parameters."""
        import torch

        return self._split(torch.tensor(v, dtype=self.dtype, device=self.device))

    def leaves(self, w: Array) -> list[Any]:
        """Return fresh parameters at w."""
        return [piece.requires_grad_() for piece in self.pieces(w)]

    def value_of(self, leaves: list[Any], inputs: Any, targets: Any) -> Any:
        """Return the loss of these samples as a function of `leaves`."""
        from torch.func import functional_call

        own = {name: buffer.clone() for name, buffer in self.module.named_buffers()}
        own |= dict(zip(self.names, leaves, strict=True))
        return self._loss(functional_call(self.module, own, (inputs,)), targets)

    def flat(self, parts: Iterable[Any]) -> Array:
        """Return a vector of its parts, None being zeros."""
        import torch

        filled = [
            torch.zeros(size, dtype=self.dtype, device=self.device) if part is None else part.reshape(-1)
            for part, size in zip(parts, self._sizes, strict=True)
        ]
        return torch.cat(filled).detach().double().cpu().numpy()


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
