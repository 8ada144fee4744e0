"""A torch module at many weight vectors at once, by ``torch.func.vmap``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradflow.problems.adapters.torch_network import Network
from gradflow.types import Array

# Weight vectors that go through the module together.
CHUNK = 256


def losses_and_gradients(
    network: Network, W: Array, batches: Iterable[tuple[Any, Any, float]]
) -> tuple[Array, Array]:
    """Return the losses (K,) and the gradients (K, n) at the rows of W (K, n).

    Raises
    ------
    Exception
        Whatever torch raises at a module whose operations have no batching rule.
    """
    import torch

    rows = torch.tensor(W, dtype=network.dtype, device=network.device)
    pieces = dict(zip(network.names, network.stacked(rows), strict=True))

    def value(parameters: Any, inputs: Any, targets: Any) -> Any:
        outputs = torch.func.functional_call(network.module, parameters, (inputs,))
        return network.loss(outputs, targets)

    both = torch.func.vmap(torch.func.grad_and_value(value), in_dims=(0, None, None), chunk_size=CHUNK)
    losses, gradients = np.zeros(len(W)), np.zeros(W.shape)
    with network.evaluating():
        for inputs, targets, share in batches:
            slopes, values = both(pieces, inputs, targets)
            flat = torch.cat([slopes[name].reshape(len(W), -1) for name in network.names], dim=1)
            gradients += share * flat.detach().double().cpu().numpy()
            losses += share * values.detach().double().cpu().numpy()
    return losses, gradients
