"""What is looked at once at the door of torch: whether the loss is one, and what it makes of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradflow.problems.adapters.torch_problem import TorchProblem

# So many samples tell what a loss makes of many.
FEW = 8


def check(problem: TorchProblem) -> None:
    """Raise unless the loss is finite at the module's own weights and the same number twice."""
    w = problem.initial_weights()
    first, second = _tried(problem, w), problem.loss_and_gradient(w)[0]
    if not np.isfinite(first):
        raise ValueError(f"`loss` must be finite at the module's own weights, got {first}")
    if first != second:
        raise ValueError(
            "`loss` must be a function of the weights alone, got two evaluations that differ by "
            f"{abs(first - second):.3g}: call module.eval() where there is dropout or batch-norm"
        )


def is_averaged(whole: TorchProblem) -> bool:
    """Return whether the loss is a mean, from the loss of some samples and of the same ones repeated."""
    few: NDArray[np.intp] = np.arange(min(whole.num_samples, FEW))
    once, twice = (_losses(whole, [rows])[0] for rows in (few, np.concatenate([few, few])))
    if abs(twice - once) <= _rounding(whole, once):
        return True
    if abs(twice - 2 * once) <= _rounding(whole, once):
        return False
    raise ValueError(
        "`loss` must be a mean or a sum over samples that do not depend on each other (call module.eval() "
        f"where there is batch-norm), got {once:.6g} and {twice:.6g} for samples once and twice over"
    )


def adds_up(whole: TorchProblem) -> bool:
    """Return whether the losses of samples one by one add up to that of these together, as a mean or a sum.

    Looked at are the first samples, and one of each target where targets are classes: weights are theirs.
    """
    rows = np.unique(np.concatenate([np.arange(min(whole.num_samples, FEW)), whole.different(FEW)]))
    together, *single = _losses(whole, [rows, *rows[:, None]])
    added = np.mean(single) if whole.averaged else np.sum(single)
    return bool(abs(added - together) <= _rounding(whole, float(np.abs(single).max()) + abs(together)))


def refuse_batches(num_samples: int) -> str:
    """Return the sentence for a loss that batches do not add up to."""
    return (
        "`loss` must be a mean or a sum over samples where these come in batches, got a loss whose samples "
        "weigh differently: weights of classes need reduction='sum', or all samples at once, "
        f"batch_size={num_samples}"
    )


def _losses(whole: TorchProblem, parts: Sequence[NDArray[np.intp]]) -> list[float]:
    w = whole.initial_weights()
    return [whole.subset(rows).loss(w) for rows in parts]


def _rounding(whole: TorchProblem, scale: float) -> float:
    return 100 * whole.gradient_precision * abs(scale)


def _tried(problem: TorchProblem, w: Any) -> float:
    """Return the first loss, whatever torch complains of in one sentence."""
    try:
        return problem.loss_and_gradient(w)[0]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"`data` must fit the module and the loss, got {problem.shapes()}: {said}"
        ) from error
