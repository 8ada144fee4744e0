"""What JAX losses cost through from_jax, in calls of the native jitted value_and_grad; needs JAX.

CPU seconds of one core, medians of interleaved rounds:
    XLA_FLAGS=--xla_cpu_multi_thread_eigen=false taskset -c 0 python -m benchmarks.own_models_jax
"""

import argparse
import time
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from gradflow.problems import from_jax

WIDTHS = {"64-32-10": (64, 32, 10), "64-200-200-10": (64, 200, 200, 10)}


def cross_entropy(scores, labels):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=1)
    return -jnp.mean(chosen)


def perceptron(params, inputs, labels):
    for matrix, offset in params[:-1]:
        inputs = jnp.tanh(inputs @ matrix + offset)
    return cross_entropy(inputs @ params[-1][0] + params[-1][1], labels)


def convolutional(params, inputs, labels):
    """Return the loss of the network that own_models.py times in torch."""
    images = inputs.reshape(-1, 1, 8, 8)
    for kernel, offset in params[:-1]:
        outputs = jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME") + offset[:, None, None]
        num_samples, channels, side, _ = outputs.shape
        pairs = jnp.tanh(outputs).reshape(num_samples, channels, side // 2, 2, side // 2, 2)
        images = pairs.mean(axis=(3, 5))
    return cross_entropy(images.reshape(len(labels), -1) @ params[-1][0] + params[-1][1], labels)


def models(dtype):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(0.1 * rng.normal(size=shape), dtype)

    for name, widths in WIDTHS.items():
        yield (
            name,
            perceptron,
            [(normal(*pair), normal(pair[1])) for pair in pairwise(widths)],
        )
    shapes = [(8, 1, 3, 3), (16, 8, 3, 3), (64, 10)]
    params = [(normal(*shape), normal(width)) for shape, width in zip(shapes, (8, 16, 10), strict=True)]
    yield "convolutional", convolutional, params


def seconds(calls, rounds):
    spent = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            # Untimed once: what ran before has emptied caches and returned memory.
            call()
            start = time.process_time()
            call()
            spent[name].append(time.process_time() - start)
    return {name: float(np.median(each[1:])) for name, each in spent.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(1)
    print("model          dtype     native ms   both  linearize  product  each of 8")
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            data = rng.normal(size=(500, 64)).astype(dtype), rng.integers(0, 10, 500)
            for name, loss, params in models(dtype):
                report(name, dtype, loss, params, data, rounds)


def report(name, dtype, loss, params, data, rounds):
    problem = from_jax(loss, params, data)
    native, arrays = jax.jit(jax.value_and_grad(loss)), tuple(map(jnp.asarray, data))
    w = problem.initial_weights()
    product, block = problem.linearize(w)[2], np.random.default_rng(2).normal(size=(w.size, 8))
    calls = {
        "native": lambda: jax.block_until_ready(native(params, *arrays)),
        "both": lambda: problem.loss_and_gradient(w),
        "linearize": lambda: problem.linearize(w),
        "product": lambda: product(block[:, 0]),
        "block": lambda: product(block),
    }
    spent = seconds(calls, rounds)
    both, linearize, single, eight = (spent[each] / spent["native"] for each in list(calls)[1:])
    print(
        f"{name:<15}{dtype:<9}{1e3 * spent['native']:>10.3f}{both:>7.2f}{linearize:>11.2f}{single:>9.2f}"
        f"{eight / 8:>11.2f}"
    )


if __name__ == "__main__":
    main()
