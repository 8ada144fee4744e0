"""A torch module with a loss and data, as a problem."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gradflow import validate
from gradflow.types import Array, Product

NO_TORCH = 'from_torch needs torch, which is not installed: pip install "gradflow-sim[frameworks]"'


def from_torch(
    module: Any, loss: Callable[..., Any], data: Any, *, batch_size: int | None = None, device: Any = None
) -> TorchProblem:
    """Return the problem of a torch module, a loss and data; the module itself stays untouched.

    Parameters
    ----------
    module : torch.nn.Module
        Computed in the one dtype of its trainable parameters. Put it into ``eval()`` mode if it has dropout
        or batch-norm.
    loss : callable
        ``loss(outputs, targets)``, a mean or a sum over samples; which of the two is measured once, on the
        first samples twice over.
    data : pair of tensors or arrays, Dataset or DataLoader
        Inputs and targets. A loader is read once and its order kept.
    batch_size : int, optional
        How many samples are passed through the module at once: all of them, or as many as the loader's.
    device : optional
        Where to compute, else where the module is.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If the loss is not a function of the weights alone, or is neither a mean nor a sum over samples.

    Notes
    -----
    Weights, gradients and products are float64 in numpy at the door. `linearize` keeps the graph of one
    gradient, and each product is a second backward pass through it.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(NO_TORCH) from None
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"`module` must be a torch.nn.Module, got {validate.shown(module)}")
    validate.function("loss", loss)
    # It is a mean over repeated samples too: only its kind tells.
    if any(
        isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and part.training for part in module.modules()
    ):
        raise ValueError("`module` must not be in training mode where it has batch-norm: call module.eval()")
    own = copy.deepcopy(module) if device is None else copy.deepcopy(module).to(device)
    trained = [p for p in own.parameters() if p.requires_grad]
    dtypes = {p.dtype for p in trained}
    if len(dtypes) != 1 or not dtypes <= {torch.float32, torch.float64}:
        names = sorted(str(dtype) for dtype in dtypes)
        raise ValueError(f"`module` must have trainable parameters all float32 or all float64, got {names}")
    if batch_size is None and isinstance(data, torch.utils.data.DataLoader):
        batch_size = data.batch_size
    inputs, targets = (_placed(part, trained[0]) for part in _pair(data))
    if len(inputs) != len(targets) or not len(inputs):
        raise ValueError(
            f"`data` must be as many targets as inputs, got {len(targets)} targets, {len(inputs)} inputs"
        )
    problem = TorchProblem(own, loss, inputs, targets, batch_size)
    problem.averaged = _averaged(problem)
    return problem


def _pair(data: Any) -> tuple[Any, Any]:
    import torch

    loading = torch.utils.data
    if isinstance(data, loading.Dataset):
        data = loading.DataLoader(data, batch_size=256)
    if isinstance(data, loading.DataLoader):
        batches = list(data)
        return torch.cat([batch[0] for batch in batches]), torch.cat([batch[1] for batch in batches])
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(
            f"`data` must be (inputs, targets), a Dataset or a DataLoader, got {validate.shown(data)}"
        )
    return data[0], data[1]


def _placed(part: Any, like: Any) -> Any:
    import torch

    tensor = torch.as_tensor(part).detach()
    return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def _averaged(problem: TorchProblem) -> bool:
    """Return whether the loss is a mean, from the loss of two samples and of the same two repeated."""
    import torch

    values = problem.first_losses()
    if not np.array_equal(values, values[:1].repeat(2), equal_nan=True):
        raise ValueError(
            "`loss` must be a function of the weights alone, got two evaluations that differ by "
            f"{abs(values[0] - values[1]):.3g}: call module.eval() where there is dropout or batch-norm"
        )
    once, twice = problem.repeated_losses()
    tolerance = 100 * torch.finfo(problem.dtype).eps * abs(once)
    if abs(twice - once) <= tolerance:
        return True
    if abs(twice - 2 * once) <= tolerance:
        return False
    raise ValueError(
        "`loss` must be a mean or a sum over samples that do not depend on each other (call module.eval() "
        f"where there is batch-norm), got {once:.6g} and {twice:.6g} for samples once and twice over"
    )


@runtime_checkable
class _Resettable(Protocol):
    def reset_parameters(self) -> None: ...


@final
class TorchProblem:
    """What `from_torch` returns: a problem with samples and a start."""

    averaged = True

    def __init__(
        self, module: Any, loss: Callable[..., Any], inputs: Any, targets: Any, batch_size: int | None
    ) -> None:
        self._module, self._loss, self._batch_size = module, loss, batch_size
        self._inputs, self._targets = inputs, targets
        self._names = [name for name, p in module.named_parameters() if p.requires_grad]
        own = dict(module.named_parameters())
        self._shapes = [own[name].shape for name in self._names]
        self._sizes = [own[name].numel() for name in self._names]
        self._start = self._of({name: own[name] for name in self._names})
        self.dtype, self._device = own[self._names[0]].dtype, own[self._names[0]].device
        self.num_weights, self.num_samples = sum(self._sizes), len(inputs)

    def __repr__(self) -> str:
        return f"TorchProblem({self.num_weights} weights, {self.dtype}, {self.num_samples} samples)"

    def loss(self, w: ArrayLike) -> float:
        """Return the loss at w."""
        import torch

        with torch.no_grad():
            return float(self._whole(self._leaves(w)))

    def gradient(self, w: ArrayLike) -> Array:
        """Return the gradient at w, shape (n,)."""
        return self.loss_and_gradient(w)[1]

    def loss_and_gradient(self, w: ArrayLike) -> tuple[float, Array]:
        """Return the loss and its gradient at w, batch after batch."""
        import torch

        leaves, total, gradient = self._leaves(w), 0.0, np.zeros(self.num_weights)
        for part in self._parts(leaves):
            gradient += self._flat(torch.autograd.grad(part, leaves, allow_unused=True))
            total += float(part.detach())
        return total, gradient

    def hvp(self, w: ArrayLike, v: ArrayLike) -> Array:
        """Return the product with the Hessian at w for v of shape (n,) or (n, k)."""
        return self.linearize(w)[2](validate.directions(v, self.num_weights))

    def linearize(self, w: ArrayLike) -> tuple[float, Array, Product]:
        """Return loss, gradient and the product v -> H(w) v, each a backward pass through the kept graph."""
        import torch

        leaves, total, gradient, kept = self._leaves(w), 0.0, np.zeros(self.num_weights), []
        for part in self._parts(leaves):
            slopes = torch.autograd.grad(part, leaves, create_graph=True, allow_unused=True)
            gradient += self._flat(slopes)
            total += float(part.detach())
            kept.append([(i, s) for i, s in enumerate(slopes) if s is not None and s.requires_grad])

        def single(v: Array) -> Array:
            pieces, out = self._pieces(v), np.zeros(self.num_weights)
            for graph in (graph for graph in kept if graph):
                slopes, along = [s for _, s in graph], [pieces[i] for i, _ in graph]
                out += self._flat(
                    torch.autograd.grad(slopes, leaves, along, retain_graph=True, allow_unused=True)
                )
            return out

        def product(v: Any) -> Array:
            v = validate.directions(v, self.num_weights)
            return single(v) if v.ndim == 1 else np.stack([single(c) for c in v.T], axis=1)

        return total, gradient, product

    def subset(self, indices: ArrayLike) -> TorchProblem:
        """Return the problem on the samples `indices` alone."""
        import torch

        chosen = torch.as_tensor(validate.indices("indices", indices, self.num_samples), device=self._device)
        part = object.__new__(TorchProblem)
        part.__dict__.update(self.__dict__)
        part._inputs, part._targets, part.num_samples = (
            self._inputs[chosen],
            self._targets[chosen],
            len(chosen),
        )
        return part

    def initial_weights(self, seed: int | None = None, scale: float = 1.0) -> Array:
        """Return the module's own weights, or with a seed those that its parts draw anew, shape (n,)."""
        import torch

        if seed is None:
            return scale * self._start
        fresh = copy.deepcopy(self._module)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for part in fresh.modules():
                if isinstance(part, _Resettable):
                    part.reset_parameters()
        return scale * self.flatten(dict(fresh.named_parameters()))

    def unflatten(self, w: ArrayLike) -> dict[str, Any]:
        """Return the trainable parameters by name, as a state_dict has them."""
        return {n: leaf.detach() for n, leaf in zip(self._names, self._leaves(w), strict=True)}

    def flatten(self, parameters: dict[str, Any]) -> Array:
        """Return the weight vector of parameters by name, shape (n,)."""
        return validate.shaped(self._of({name: parameters[name] for name in self._names}), self.num_weights)

    def module(self, w: ArrayLike) -> Any:
        """Return a copy of the module with the weights w in it."""
        loaded = copy.deepcopy(self._module)
        loaded.load_state_dict(self.unflatten(w), strict=False)
        return loaded

    def first_losses(self) -> Array:
        """Return two evaluations of the loss at the module's own weights."""
        return np.array([self.loss(self._start), self.loss(self._start)])

    def repeated_losses(self) -> tuple[float, float]:
        """Return the loss of the first samples, and of the same samples twice over."""
        first = np.arange(min(self.num_samples, 8))
        import torch

        leaves = self._leaves(self._start)
        values = []
        for indices in (first, np.concatenate([first, first])):
            rows = torch.as_tensor(indices, device=self._device)
            with torch.no_grad():
                values.append(float(self._of_rows(leaves, self._inputs[rows], self._targets[rows])))
        return values[0], values[1]

    def _leaves(self, w: ArrayLike) -> list[Any]:
        # Fresh for each point: a kept graph must not see the weights of the next one.
        return [p.requires_grad_() for p in self._pieces(validate.shaped(w, self.num_weights))]

    def _pieces(self, v: Array) -> list[Any]:
        import torch

        flat = torch.tensor(v, dtype=self.dtype, device=self._device)
        split = zip(flat.split(self._sizes), self._shapes, strict=True)
        return [piece.view(shape) for piece, shape in split]

    def _parts(self, leaves: list[Any]) -> Iterator[Any]:
        size = self._batch_size or self.num_samples
        for first in range(0, self.num_samples, size):
            inputs, targets = self._inputs[first : first + size], self._targets[first : first + size]
            part = self._of_rows(leaves, inputs, targets)
            yield part * (len(inputs) / self.num_samples) if self.averaged else part

    def _whole(self, leaves: list[Any]) -> float:
        return sum(float(part) for part in self._parts(leaves))

    def _of_rows(self, leaves: list[Any], inputs: Any, targets: Any) -> Any:
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        own = dict(zip(self._names, leaves, strict=True)) | {
            name: buffer.clone() for name, buffer in self._module.named_buffers()
        }
        with sdpa_kernel(SDPBackend.MATH):  # the fused one has no second derivative
            return self._loss(torch.func.functional_call(self._module, own, (inputs,)), targets)

    def _flat(self, parts: Any) -> Array:
        import torch

        zeros = (torch.zeros(size, dtype=self.dtype, device=self._device) for size in self._sizes)
        flat = [zero if p is None else p.detach().reshape(-1) for p, zero in zip(parts, zeros, strict=True)]
        return torch.cat(flat).double().cpu().numpy()

    def _of(self, parameters: dict[str, Any]) -> Array:
        import torch

        return torch.cat([p.detach().reshape(-1) for p in parameters.values()]).double().cpu().numpy().copy()
