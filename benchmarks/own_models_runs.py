"""Runs of torch modules for `own_models.py`: descents, tracked sharpness, mini-batches, flows."""

from __future__ import annotations

import numpy as np
import torch
from own_models_networks import LOSS, digits, module, ratios, seconds
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gradflow as gf

NUM_SAMPLES = 500
# Steps timed, and those before them.
STEPS, BEFORE, LEARNING_RATE = 20, 100, 0.5
BATCH, ROUNDS_OF_DATA = 32, 5
END, RTOLS = 30.0, {1e-3: 5, 1e-4: 5, 1e-6: 10}


def loop(net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """Descend as one does in torch, keeping the losses."""
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE)
    return [step(net, optimizer, inputs, labels) for _ in range(STEPS)]


def step(
    net: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, labels: torch.Tensor
) -> float:
    """Take one step of torch's, and return the loss before it."""
    optimizer.zero_grad()
    loss = LOSS(net(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def descents(dtype: torch.dtype, rounds: int, device: str) -> None:
    """Print a line of descents on the convolutional network, below the edge."""
    net, data = module("convolutional", dtype), digits(dtype, NUM_SAMPLES)
    problem = gf.problems.from_torch(net, LOSS, data, device=device)
    inputs, labels = (part.to(device) for part in data)
    w0 = gf.descend(problem, problem.initial_weights(), LEARNING_RATE, BEFORE).final_weights
    # It begins cold once, untimed, and goes back to the start with what it knows of the end of a round.
    tracker = gf.curvature.SharpnessTracker(problem)
    sharpness = float(tracker(-1, w0))

    def tracked() -> gf.Trajectory:
        return gf.descend(problem, w0, LEARNING_RATE, STEPS, record={"sharpness": tracker})

    calls = {
        "loop": lambda: loop(problem.module(w0), inputs, labels),
        "descend": lambda: gf.descend(problem, w0, LEARNING_RATE, STEPS),
        "tracked": tracked,
    }
    spent = seconds(calls, rounds)
    # There is one value more than steps, at the start.
    spent["value"] = (spent["tracked"] - spent["descend"]) * STEPS / (STEPS + 1)
    print(
        f"convolutional {str(dtype)[6:]} descend {ratios(spent, 'descend', 'loop')} SGD loops (goal 1.1), "
        f"a tracked value {ratios(spent, 'value', 'loop')} steps (goal 2.5); sharpness "
        f"{sharpness:.2f} of 2/eta = {2 / LEARNING_RATE:g}",
        flush=True,
    )


def mini_batches(rounds: int, device: str) -> None:
    """Print a line of mini-batch descents of 64-32-10, float32, a row every round of the data."""
    net, data = module("64-32-10", torch.float32), digits(torch.float32)
    problem = gf.problems.from_torch(net, LOSS, data, device=device)
    inputs, labels = (part.to(device) for part in data)
    w0, in_a_round = problem.initial_weights(), problem.num_samples // BATCH

    def with_loader() -> list[float]:
        own = problem.module(w0)
        optimizer, losses = torch.optim.SGD(own.parameters(), 0.1), []
        loader = DataLoader(TensorDataset(*data), BATCH, shuffle=True, drop_last=True)
        for _ in range(ROUNDS_OF_DATA):
            losses += [step(own, optimizer, part.to(device), goal.to(device)) for part, goal in loader]
        return losses

    def with_indices() -> list[float]:
        own = problem.module(w0)
        optimizer, losses = torch.optim.SGD(own.parameters(), 0.1), []
        for _ in range(ROUNDS_OF_DATA):
            order = torch.randperm(len(inputs), device=device)[: in_a_round * BATCH].reshape(-1, BATCH)
            losses += [step(own, optimizer, inputs[rows], labels[rows]) for rows in order]
        return losses

    def descent() -> gf.Trajectory:
        num_steps = ROUNDS_OF_DATA * in_a_round
        return gf.descend(problem, w0, 0.1, num_steps, batch=BATCH, seed=0, record_every=in_a_round)

    spent = seconds({"loader": with_loader, "indices": with_indices, "descend": descent}, rounds)
    print(
        f"64-32-10 float32, N = {problem.num_samples}, batch {BATCH}: descend "
        f"{ratios(spent, 'descend', 'loader')} DataLoader loops (goal 1.2), "
        f"{ratios(spent, 'descend', 'indices')} loops that index tensors",
        flush=True,
    )


def flows(name: str, device: str) -> None:
    """Print the errors of flows in float32 and float64, in units of rtol, and their gradients."""
    net, data = module(name, torch.float32), digits(torch.float64, NUM_SAMPLES)
    single = gf.problems.from_torch(net, LOSS, data, device=device)
    double = gf.problems.from_torch(net.double(), LOSS, data, device=device)
    # Both begin at the same weights, which are float32 numbers.
    w0 = single.initial_weights()
    truth = gf.integrate(gf.GradientFlow(double), w0, END, rtol=1e-8, times=2).final_weights
    for rtol, goal in RTOLS.items():
        runs = [gf.integrate(gf.GradientFlow(each), w0, END, rtol=rtol, times=2) for each in (single, double)]
        errors = [np.linalg.norm(run.final_weights - truth) / np.linalg.norm(truth) / rtol for run in runs]
        counts = [run.num_gradients for run in runs]
        print(
            f"{name:14} flow to t = {END:g}, rtol {rtol:g}: error of float32 {errors[0]:.2f} rtol "
            f"(goal {goal}), of float64 {errors[1]:.2f}; gradients {counts[0]} and {counts[1]}, ratio "
            f"{counts[0] / counts[1]:.2f} (goal 1.1)",
            flush=True,
        )
