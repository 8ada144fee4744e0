"""Products with the Hessian through the graphs of gradients that torch has kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.problems.adapters.torch_network import Network
from gradflow.types import Array


class KeptGraphs:
    """The product v -> H v: the gradient of the slopes along v, a second backward pass.

    Parameters
    ----------
    network : Network
    parameters : list of tensors
        What the slopes are functions of.
    graphs : list of pairs
        For each batch the slopes of its loss with their graph, and the batch's share in the whole.
    """

    def __init__(self, network: Network, parameters: list[Any], graphs: list[tuple[Any, float]]) -> None:
        self._network, self._parameters = network, parameters
        self._graphs = [(_bent(slopes), share) for slopes, share in graphs]

    def __call__(self, v: ArrayLike) -> Array:
        """Return the product for v of shape (n,) or (n, k), column by column."""
        v = validate.directions(v, self._network.num_weights)
        return self._single(v) if v.ndim == 1 else np.stack([self._single(column) for column in v.T], axis=1)

    def _single(self, v: Array) -> Array:
        pieces, product = self._network.pieces(v), np.zeros(self._network.num_weights)
        with self._network.evaluating():
            for bent, share in self._graphs:
                if bent:
                    part = self._network.flat(self._along(bent, pieces))
                    product += part if share == 1.0 else share * part
        return product

    def _along(self, bent: list[tuple[int, Any]], pieces: list[Any]) -> Any:
        import torch

        slopes, along = [slope for _, slope in bent], [pieces[i] for i, _ in bent]
        return torch.autograd.grad(slopes, self._parameters, along, retain_graph=True, allow_unused=True)


def _bent(slopes: Any) -> list[tuple[int, Any]]:
    """Return the slopes that are not constant, by number: the others have no part in the Hessian."""
    return [(i, slope) for i, slope in enumerate(slopes) if slope is not None and slope.requires_grad]
