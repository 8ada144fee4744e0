"""Data in the forms that torch knows, as a tensor of inputs and one of targets."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from gradflow import validate

# Samples read at once from a Dataset, which gives them one by one.
READ_AT_ONCE = 256
FORMS = "(inputs, targets), a Dataset or a DataLoader of such pairs"


def read(data: Any, dtype: Any, device: Any) -> tuple[Any, Any, int | None]:
    """Return inputs, targets, and the size of a loader's first batch.

    Floats become `dtype`, whole numbers in arrays int64, as torch wants class labels.

    Raises
    ------
    ValueError
        If there are no samples, not as many targets as inputs, or values that are not finite.
    """
    inputs, targets, size = _pair(data)
    named = {"inputs": inputs, "targets": targets}
    inputs, targets = (_tensor(name, part, dtype, device) for name, part in named.items())
    if not inputs.ndim or not targets.ndim or len(inputs) != len(targets) or not len(inputs):
        raise ValueError(
            "`data` must have one target for each input, got inputs of shape "
            f"{tuple(inputs.shape)} and targets of shape {tuple(targets.shape)}"
        )
    return inputs, targets, size


def _pair(data: Any) -> tuple[Any, Any, int | None]:
    from torch.utils.data import DataLoader, Dataset

    if isinstance(data, DataLoader):
        return _loaded(data)
    if isinstance(data, Dataset):
        return *_loaded(DataLoader(data, batch_size=READ_AT_ONCE))[:2], None
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"`data` must be {FORMS}, got {_kind(data)}")
    return data[0], data[1], None


def _kind(data: Any) -> str:
    # Arrays and tensors are shown in many lines.
    return f"{type(data).__name__} of {len(data)}" if isinstance(data, Sized) else validate.shown(data)


def _loaded(loader: Any) -> tuple[Any, Any, int]:
    import torch

    batches = list(loader)
    for batch in batches:
        kinds = [type(part) for part in batch] if isinstance(batch, tuple | list) else [type(batch)]
        if len(kinds) != 2 or not all(issubclass(kind, torch.Tensor) for kind in kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"`data` must be {FORMS}, got a batch of ({names})")
    if not batches:
        raise ValueError("`data` must not be empty, got a loader without batches")
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return inputs, targets, len(batches[0][0])


def _tensor(name: str, part: Any, dtype: Any, device: Any) -> Any:
    import torch

    given = isinstance(part, torch.Tensor)
    tensor = part.detach() if given else _from_array(name, np.asarray(part))
    own = tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
    if own.is_floating_point() and not bool(own.isfinite().all()):
        place = [int(i) for i in (~own.isfinite()).nonzero()[0]]
        raise ValueError(f"`data` must be finite, got {float(own[tuple(place)])} in {name} at {place}")
    return own


def _from_array(name: str, values: Any) -> Any:
    import torch

    if values.dtype.kind not in "biuf":
        raise ValueError(f"`data` must be numbers, got {name} of dtype {values.dtype}")
    # A copy: torch warns of arrays that it may not write to.
    return torch.from_numpy(np.array(values, dtype=np.int64 if values.dtype.kind in "iu" else None))
