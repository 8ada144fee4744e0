"""My CSV: its numbers on one scale, a network that learns them, the flow and descents beside it."""

from pathlib import Path

import gradflow as gf

path = Path(__file__).with_name("pendulums.csv")
samples = gf.datasets.from_csv(path, target="period", standardize=True)
network = gf.problems.FeedForward(*samples, [8])
result = gf.study(network, network.initial_weights(seed=0), end_time=100.0)
print(samples, result, result.table(), sep="\n")
period = network.predict(result.flow.weights[-1], samples.scaled([[1.0, 0.5]])).item()
print(f"a pendulum of 1 m let go at 0.5 rad: {period:.2f} s")
