"""Times torch modules as problems, in torch's own backward passes and loops; needs torch.

Three networks on 500 digits, cross-entropy, float32 and float64, one thread, CPU seconds in interleaved
rounds of one run. Both the median and the least of the rounds are printed: on a busy machine the least is
nearer to what the code takes. A tracked value of the sharpness is what descent takes longer with the record
than without, over a step of SGD. Run it as ``python benchmarks/own_models.py``.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable
from itertools import pairwise

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import gradflow as gf  # noqa: E402

NUM_SAMPLES = 500
MLPS = {"64-32-10": (64, 32, 10), "64-200-200-10": (64, 200, 200, 10)}
# At most so many native backward passes, and gradients a product.
GOALS = {"64-32-10": (1.3, 1.2), "64-200-200-10": (1.15, 2.0), "convolutional": (1.1, 1.8)}
# Steps timed, and those before them.
STEPS, BEFORE, LEARNING_RATE = 20, 100, 0.5
LOSS = nn.CrossEntropyLoss()


def module(name: str, dtype: torch.dtype) -> nn.Module:
    """Return a network for digits of 8 by 8 pixels in one row."""
    torch.manual_seed(0)
    if name == "convolutional":
        first = [nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2)]
        second = [nn.Conv2d(8, 16, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2)]
        return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *first, *second, nn.Flatten(), nn.Linear(64, 10)).to(
            dtype
        )
    layers = [part for pair in pairwise(MLPS[name]) for part in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1]).to(dtype)


def seconds(calls: dict[str, Callable[[], object]], rounds: int, repeats: int = 1) -> dict[str, np.ndarray]:
    """Return for each call the CPU seconds of its rounds."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = time.process_time()
            for _ in range(repeats):
                call()
            spent[name].append((time.process_time() - begin) / repeats)
    return {name: np.array(each[1:]) for name, each in spent.items()}


def ratios(spent: dict[str, np.ndarray], name: str, unit: str) -> str:
    """Return what one call takes in another's time, by medians and by the least of the rounds."""
    above, below = spent[name], spent[unit]
    return f"{np.median(above) / np.median(below):5.2f} ({above.min() / below.min():4.2f})"


def loop(net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """Descend as one does in torch, keeping the losses."""
    optimizer, losses = torch.optim.SGD(net.parameters(), LEARNING_RATE), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = LOSS(net(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def passes(name: str, dtype: torch.dtype, rounds: int) -> None:
    """Print a line of gradients and products."""
    net, (inputs, labels) = module(name, dtype), data(dtype)
    problem = gf.problems.from_torch(net, LOSS, (inputs, labels))
    w = problem.initial_weights()
    product, v = problem.linearize(w)[2], np.random.default_rng(0).normal(size=problem.num_weights)

    def native() -> None:
        net.zero_grad()
        LOSS(net(inputs), labels).backward()

    calls = {
        "native": native,
        "gradient": lambda: problem.loss_and_gradient(w),
        "linearize": lambda: problem.linearize(w),
        "product": lambda: product(v),
    }
    spent = seconds(calls, rounds, 20 if name == "64-32-10" else 2)
    goals = "goals {:.2f} and {:.2f}".format(*GOALS[name])
    print(
        f"{name:14} {str(dtype)[6:]} {problem.num_weights:7d} {1e6 * np.median(spent['native']):9.0f}"
        f"  {ratios(spent, 'gradient', 'native')}  {ratios(spent, 'linearize', 'native')}"
        f"  {ratios(spent, 'product', 'gradient')}  {goals}",
        flush=True,
    )


def data(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels and labels."""
    inputs, labels = gf.datasets.digits()
    return torch.tensor(inputs[:NUM_SAMPLES] / 16, dtype=dtype), torch.tensor(labels[:NUM_SAMPLES])


def descents(dtype: torch.dtype, rounds: int) -> None:
    """Print a line of descents on the convolutional network, below the edge."""
    net, (inputs, labels) = module("convolutional", dtype), data(dtype)
    problem = gf.problems.from_torch(net, LOSS, (inputs, labels))
    w0 = gf.descend(problem, problem.initial_weights(), LEARNING_RATE, BEFORE).final_weights
    begun = gf.curvature.SharpnessTracker(problem)
    sharpness = float(begun(-1, w0))

    def tracked() -> gf.Trajectory:
        # A run begins cold only once.
        record = {"sharpness": copy.deepcopy(begun, {id(problem): problem})}
        return gf.descend(problem, w0, LEARNING_RATE, STEPS, record=record)

    calls = {
        "loop": lambda: loop(problem.module(w0), inputs, labels),
        "descend": lambda: gf.descend(problem, w0, LEARNING_RATE, STEPS),
        "tracked": tracked,
    }
    spent = seconds(calls, rounds)
    spent["value"] = spent["tracked"] - spent["descend"]
    print(
        f"convolutional {str(dtype)[6:]} descend {ratios(spent, 'descend', 'loop')} SGD loops (goal 1.1), "
        f"a tracked value {ratios(spent, 'value', 'loop')} steps (goal 2.5); sharpness "
        f"{sharpness:.2f} of 2/eta = {2 / LEARNING_RATE:g}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", nargs="+", choices=GOALS, default=list(GOALS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("medians (least) of interleaved rounds; native passes, a product in gradients")
    titles = ("gradient", "linearize", "product")
    print(f"{'':22} {'weights':>7} {'native us':>9}" + "".join(f"  {title:>12}" for title in titles))
    for name in arguments.models:
        for dtype in (torch.float32, torch.float64):
            passes(name, dtype, arguments.rounds)
    for dtype in (torch.float32, torch.float64) if "convolutional" in arguments.models else ():
        descents(dtype, max(3, arguments.rounds // 3))


if __name__ == "__main__":
    main()
