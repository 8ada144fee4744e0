"""The door of torch: a module, a loss and data become a problem."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from gradflow import validate
from gradflow.problems.adapters.torch_checks import adds_up, check, is_averaged, refuse_batches
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

MOVED = (
    "`module` must be a function of the weights alone, got one that writes into its buffer {!r} on the way "
    "forward: call module.eval()"
)


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
        first samples twice over. The mean with weights of classes, ``CrossEntropyLoss(weight=...)``, is
        taken of all samples at once; on a batch of a descent it is the batch's own, as in torch's loops.
    data : pair of tensors or arrays, Dataset or DataLoader
        Inputs and targets, copied; floats come in the module's dtype. A loader is read once, and its order
        kept.
    batch_size : int, optional
        How many samples are passed through the module at once: all of them, or as many as the loader has
        in its first batch. The loss is summed over these batches, a mean by their sizes.
    device : optional
        Where to compute, else where the module is. Module, data and kept graphs stay there; a call copies
        its n weights or directions to the device and n slopes back, and waits for the latter.

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
        or neither a mean nor a sum over samples; if there is a `batch_size` and the losses of batches do
        not add up to the whole, as those with weights of classes.

    See Also
    --------
    from_callables : A problem from functions of the weights.

    Notes
    -----
    The parameters are views of one buffer, which costs little beside a backward pass of torch's own.
    `linearize` keeps the graph of one gradient, and each product is a second backward pass through it, exact
    to the rounding of the dtype. Attention is computed by its mathematical backend, the only one that has a
    second derivative.

    On another device a call copies 8 n bytes there and as many back. Both copies wait for the device, as the
    number that is the loss does: ``benchmarks/own_models.py --device cuda`` measures what that costs.

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
    check(problem)
    # As yet one loss of all samples, whatever it makes of them.
    whole = TorchProblem(network, inputs, targets, None)
    problem.averaged = whole.averaged = is_averaged(whole)
    if problem.has_batches and not adds_up(whole):
        raise ValueError(refuse_batches(problem.num_samples))
    own = network.take(problem.initial_weights())
    value = own.value(*next(problem.batches())[:2])
    moved = own.moved_buffers()
    if moved:
        raise ValueError(MOVED.format(moved[0]))
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
