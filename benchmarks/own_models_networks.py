"""The torch networks of `own_models.py`, the digits they see, and how calls are timed on either device."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

import gradflow as gf

MLPS = {"64-32-10": (64, 32, 10), "64-200-200-10": (64, 200, 200, 10)}
LOSS = nn.CrossEntropyLoss()


def module(name: str, dtype: torch.dtype) -> nn.Module:
    """Return a network for digits of 8 by 8 pixels in one row."""
    torch.manual_seed(0)
    if name == "convolutional":
        first = [nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2)]
        second = [nn.Conv2d(8, 16, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2)]
        layers = [nn.Unflatten(1, (1, 8, 8)), *first, *second, nn.Flatten(), nn.Linear(64, 10)]
        return nn.Sequential(*layers).to(dtype)
    layers = [part for pair in pairwise(MLPS[name]) for part in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1]).to(dtype)


def digits(dtype: torch.dtype, num_samples: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels and labels."""
    inputs, labels = gf.datasets.digits()
    return torch.tensor(inputs[:num_samples] / 16, dtype=dtype), torch.tensor(labels[:num_samples])


def seconds(calls: dict[str, Callable[[], object]], rounds: int, repeats: int = 1) -> dict[str, np.ndarray]:
    """Return for each call the seconds of its rounds: of the CPU, or of the clock where a GPU takes part."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    clock = _after_device if torch.cuda.is_initialized() else time.process_time
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = clock()
            for _ in range(repeats):
                call()
            spent[name].append((clock() - begin) / repeats)
    return {name: np.array(each[1:]) for name, each in spent.items()}


def _after_device() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


def ratios(spent: dict[str, np.ndarray], name: str, unit: str) -> str:
    """Return what one call takes in another's time, by medians and by the least of the rounds."""
    above, below = spent[name], spent[unit]
    return f"{np.median(above) / np.median(below):5.2f} ({above.min() / below.min():4.2f})"
