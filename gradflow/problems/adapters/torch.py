"""The door of torch: a module, a loss and data become a problem."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from gradflow import validate
from gradflow.problems.adapters.torch_data import read
from gradflow.problems.adapters.torch_network import Network
from gradflow.problems.adapters.torch_nodes import ATTENTION, KINKS, passes_through
from gradflow.problems.adapters.torch_problem import TorchProblem

NO_TORCH = 'from_torch needs torch, which is not installed: pip install "gradflow-sim[frameworks]"'
KERAS = (
    "`module` must hold its weights as parameters of torch, got a Keras model, whose variables torch does "
    "not reach: write it with torch.nn, or give its loss and gradient to gf.problems.from_callables"
)
BATCH_NORM = "`module` must not be in training mode where it has batch-norm: call module.eval()"


def from_torch(
    module: Any, loss: Callable[..., Any], data: Any, *, batch_size: int | None = None, device: Any = None
) -> TorchProblem:
    """Return the problem of a torch module, a loss and data; the module itself stays untouched.

    E(w) = ``loss(module(inputs), targets)``, where w is one vector of all trainable parameters in the
    order of ``module.named_parameters()``, a tied one once.

    Parameters
    ----------
    module : torch.nn.Module
        Copied. Computed in the one dtype of its trainable parameters, float32 or float64; frozen
        parameters and buffers are constants. Put it into ``eval()`` mode if it has dropout or batch-norm.
    loss : callable
        ``loss(outputs, targets)``, a mean or a sum over samples; which of the two is measured once, on the
        first samples twice over.
    data : pair of tensors or arrays, Dataset or DataLoader
        Inputs and targets, copied; floats come in the module's dtype. A loader is read once, and its order
        kept.
    batch_size : int, optional
        How many samples are passed through the module at once: all of them, or as many as the loader has
        in its first batch. The loss is summed over these batches, a mean by their sizes.
    device : optional
        Where to compute, else where the module is. Weights, gradients and products are numpy's at the
        door, each copied once a call.

    Returns
    -------
    TorchProblem
        A problem with samples and a start: ``initial_weights()`` are the module's own. ``unflatten(w)``
        gives the parameters by name, ``module(w)`` a module with the weights w.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If module, data and loss do not fit each other, or the loss is not a function of the weights alone,
        or neither a mean nor a sum over samples.

    See Also
    --------
    from_callables : A problem from functions of the weights.

    Notes
    -----
    The parameters are views of one buffer, which costs little beside a backward pass of torch's own.
    `linearize` keeps the graph of one gradient, and each product is a second backward pass through it, exact
    to the rounding of the dtype. Attention is computed by its mathematical backend, the only one that has a
    second derivative.

    Examples
    --------
    A network at half of its learning rate's stability limit::

        net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
        problem = gf.problems.from_torch(net, torch.nn.CrossEntropyLoss(), (inputs, labels))
        w0 = problem.initial_weights()
        run = gf.descend(problem, w0, 1 / gf.curvature.sharpness(problem, w0), num_steps=100)
        trained = problem.module(run.final_weights)
    """
    try:
        import torch
    except ImportError:
        raise ImportError(NO_TORCH) from None
    if any(kind.__module__.partition(".")[0] in ("keras", "tf_keras") for kind in type(module).__mro__):
        raise ValueError(KERAS)
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"`module` must be a torch.nn.Module, got {validate.shown(module)}")
    validate.function("loss", loss)
    size = None if batch_size is None else validate.count("batch_size", batch_size)
    # It is a mean over repeated samples too: only its kind tells.
    if any(isinstance(p, torch.nn.modules.batchnorm._BatchNorm) and p.training for p in module.modules()):
        raise ValueError(BATCH_NORM)
    network = Network(_placed(module, device), loss)
    inputs, targets, loaded = read(data, network.dtype, network.device)
    problem = TorchProblem(network, inputs, targets, size or loaded)
    _check(problem)
    # As yet one loss of all samples, whatever it makes of them.
    problem.averaged = _averaged(TorchProblem(network, inputs, targets, None), network)
    value = network.take(problem.initial_weights()).value(*next(problem.batches())[:2])
    problem.has_kinks = passes_through(value, KINKS)
    network.attends = passes_through(value, ATTENTION)
    return problem


def _placed(module: Any, device: Any) -> Any:
    own = copy.deepcopy(module)
    if device is None:
        return own
    try:
        return own.to(device)
    except (RuntimeError, AssertionError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"`device` must be one that torch has here, got {device!r}: {said}") from error


def _check(problem: TorchProblem) -> None:
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


def _averaged(whole: TorchProblem, network: Network) -> bool:
    """Return whether the loss is a mean, from the loss of some samples and of the same ones repeated."""
    import torch

    few = np.arange(min(whole.num_samples, 8))
    w = whole.initial_weights()
    once, twice = (whole.subset(rows).loss(w) for rows in (few, np.concatenate([few, few])))
    tolerance = 100 * torch.finfo(network.dtype).eps * abs(once)
    if abs(twice - once) <= tolerance:
        return True
    if abs(twice - 2 * once) <= tolerance:
        return False
    raise ValueError(
        "`loss` must be a mean or a sum over samples that do not depend on each other (call module.eval() "
        f"where there is batch-norm), got {once:.6g} and {twice:.6g} for samples once and twice over"
    )


def _tried(problem: TorchProblem, w: Any) -> float:
    """Return the first loss, whatever torch complains of in one sentence."""
    try:
        return problem.loss_and_gradient(w)[0]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"`data` must fit the module and the loss, got {problem.shapes()}: {said}"
        ) from error
