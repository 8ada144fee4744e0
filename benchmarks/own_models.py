"""Times torch modules as problems, in torch's own backward passes and loops; needs torch.

Three networks on 500 digits, cross-entropy, float32 and float64, one thread, CPU seconds in interleaved
rounds of one run. Both the median and the least of the rounds are printed: on a busy machine the least is
nearer to what the code takes. A tracked value of the sharpness is what descent takes longer with the record
than without, over a step of SGD. Mini-batches are timed on all digits; flows are compared in their errors and
gradients. With ``--device cuda`` module and data lie on a GPU, there the clock is read after it has
finished, and a line tells what the copies of one call cost. Run it as ``python benchmarks/own_models.py``.
"""

from __future__ import annotations

import argparse
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from own_models_networks import LOSS, digits, module, ratios, seconds  # noqa: E402
from own_models_runs import NUM_SAMPLES, descents, flows, mini_batches  # noqa: E402

import gradflow as gf  # noqa: E402

# At most so many native backward passes, and gradients a product.
GOALS = {"64-32-10": (1.3, 1.2), "64-200-200-10": (1.15, 2.0), "convolutional": (1.1, 1.8)}
DTYPES = (torch.float32, torch.float64)
PARTS = ("passes", "descents", "batches", "flows")


def passes(name: str, dtype: torch.dtype, rounds: int, device: str) -> None:
    """Print a line of gradients and products."""
    net, data = module(name, dtype), digits(dtype, NUM_SAMPLES)
    problem = gf.problems.from_torch(net, LOSS, data, device=device)
    net, (inputs, labels) = net.to(device), (part.to(device) for part in data)
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
        "copies": lambda: torch.tensor(w, dtype=dtype, device=device).double().cpu().numpy(),
    }
    spent = seconds(calls, rounds, 20 if name == "64-32-10" else 2)
    goals = "goals {:.2f} and {:.2f}".format(*GOALS[name])
    print(
        f"{name:14} {str(dtype)[6:]} {problem.num_weights:7d} {1e6 * np.median(spent['native']):9.0f}"
        f"  {ratios(spent, 'gradient', 'native')}  {ratios(spent, 'linearize', 'native')}"
        f"  {ratios(spent, 'product', 'gradient')}  {goals}",
        flush=True,
    )
    if device != "cpu":
        print(f"{'':14} its weights there and back: {1e6 * np.median(spent['copies']):.0f} us", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", nargs="+", choices=GOALS, default=list(GOALS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    rounds, device, parts = arguments.rounds, arguments.device, arguments.parts
    if device == "cuda":
        if not torch.cuda.is_available():
            parser.error("--device cuda needs a GPU that torch can use, and there is none here")
        torch.cuda.init()
    torch.set_num_threads(1)
    few = max(3, rounds // 3)
    if "passes" in parts:
        print("medians (least) of interleaved rounds; native passes, a product in gradients")
        titles = ("gradient", "linearize", "product")
        print(f"{'':22} {'weights':>7} {'native us':>9}" + "".join(f"  {title:>12}" for title in titles))
        for name in arguments.models:
            for dtype in DTYPES:
                passes(name, dtype, rounds, device)
    if "descents" in parts and "convolutional" in arguments.models:
        for dtype in DTYPES:
            descents(dtype, few, device)
    if "batches" in parts and "64-32-10" in arguments.models:
        mini_batches(few, device)
    for name in ("64-32-10", "convolutional") if "flows" in parts else ():
        if name in arguments.models:
            flows(name, device)


if __name__ == "__main__":
    main()
