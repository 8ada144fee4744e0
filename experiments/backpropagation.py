"""Does the delta recursion give the gradient, and what does following it do?

It does: on a 64-32-16-10 tanh network and handwritten digits, delta_n = dE/dx_n of every layer agrees with
central differences of the error to 1e-10 of its length, and so do the outer products
dE/dW_n = delta_{n+1} y_n'. What is left belongs to the differences: it falls with the square of their step
until rounding takes over (at the output the error is quadratic, so rounding is all there is). Automatic
differentiation agrees to 1e-15. Following the negative gradient to t = 100 brings the error on 1200 digits
from 0.981 to 0.097 along the flow, to 0.103 at 1.5 times the stability limit, where 192 of 862 steps raise it
on the way, and the share of 597 unseen digits that are read correctly from 12 % to 96 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import datasets, plots, script
from gradflow.analysis.convergence.gradients import difference_gradient
from gradflow.experiments import descend, integrate
from gradflow.plots import style
from gradflow.problems import FeedForward

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# A run of seconds.
QUICK = {"num_training": 400, "end_time": 15.0, "shares": (0.25, 1.5)}


@dataclass(frozen=True, eq=False)
class Check:
    """How far the recursion is from differences of the error, over the length of what is compared.

    Attributes
    ----------
    steps : ndarray, shape (m,)
        Step h of the central differences.
    deltas : ndarray, shape (m, L - 1)
        The largest over the patterns of |delta_n - differences| / |delta_n|, layer by layer from n = 2.
    products : ndarray, shape (m, L - 1)
        The same of the outer products dE/dW_n, from n = 1.
    autodiff : ndarray, shape (L - 1,), or None
        The same of dE/dW_n against automatic differentiation, where it is installed.
    """

    steps: Array
    deltas: Array
    products: Array
    autodiff: Array | None


@dataclass(frozen=True, eq=False)
class Results:
    """The check of the recursion, the flow, and the descents by their learning rate over 2 / lambda.

    Runs have the records "training" and "test": the share of digits read correctly.
    """

    check: Check
    flow: gf.Trajectory
    descents: dict[float, gf.Trajectory]
    num_training: int
    num_test: int


def run(
    *,
    widths: Sequence[int] = (32, 16),
    num_training: int = 1200,
    num_patterns: int = 3,
    difference_steps: Sequence[float] = tuple(np.geomspace(1e-9, 1e-1, 17)),
    shares: Sequence[float] = (0.25, 0.95, 1.5),
    end_time: float = 100.0,
    seed: int = 0,
) -> Results:
    """Return the check of the deltas, the flow and descents on digits, with their accuracies.

    Parameters
    ----------
    widths : sequence of int
        Of the hidden layers.
    num_training : int
        Digits that are learned, drawn at random; the others are the test.
    num_patterns : int
        Patterns on which the deltas are checked.
    difference_steps : sequence of float
        Steps of the central differences.
    shares : sequence of float
        Learning rates over 2 / lambda at the start.
    end_time : float
        Flow time.
    seed : int
        Of the division of the digits and of the starting weights.
    """
    inputs, labels = datasets.digits()
    inputs = inputs / 16
    order = np.random.default_rng(seed).permutation(len(labels))
    training, test = order[:num_training], order[num_training:]
    problem = FeedForward(inputs[training], labels[training], widths)
    w0 = problem.initial_weights(seed)

    def accuracy(rows: NDArray[np.int64]) -> Any:
        return lambda t, w: problem.accuracy(w, inputs[rows], labels[rows])  # noqa: ARG005

    record = {"training": accuracy(training), "test": accuracy(test)}
    times = np.concatenate([[0.0], np.geomspace(1e-3 * end_time, end_time, 60)])
    flow = integrate(gf.GradientFlow(problem), w0, end_time, times=times, record=record)
    limit = gf.analysis.stability.largest_stable_learning_rate(problem, w0)
    descents = {}
    for share in shares:
        num_steps = round(end_time / (share * limit))
        every = max(1, num_steps // 150)
        descents[share] = descend(problem, w0, share * limit, num_steps, record_every=every, record=record)
    check = _check(problem, w0, inputs[training], labels[training], num_patterns, np.array(difference_steps))
    return Results(check, flow, descents, len(training), len(test))


def _check(
    problem: FeedForward, w: Array, inputs: Array, labels: NDArray[np.int64], num_patterns: int, steps: Array
) -> Check:
    patterns = [problem.subset([p]) for p in range(num_patterns)]
    errors = [[_errors(pattern, w, h) for pattern in patterns] for h in steps]
    worst = np.array(errors).max(axis=1)
    return Check(steps, worst[:, 0], worst[:, 1], _autodiff_errors(problem, w, inputs, labels))


def _errors(pattern: FeedForward, w: Array, h: float) -> Array:
    """Return the relative errors of the deltas and of the outer products by layer, shape (2, L - 1)."""
    differences = pattern.unflatten(difference_gradient(pattern, w, step=h))
    # x_{n+1} = W_n y_n + b_n, so that on one pattern the differences in b_n are those in x_{n+1}.
    deltas = [
        _relative(delta[0], by_bias)
        for delta, (_, by_bias) in zip(pattern.deltas(w), differences, strict=True)
    ]
    products = [
        _relative(product, by_weight)
        for (product, _), (by_weight, _) in zip(
            pattern.unflatten(pattern.gradient(w)), differences, strict=True
        )
    ]
    return np.array([deltas, products])


def _relative(exact: Array, other: Any) -> float:
    return float(np.linalg.norm(exact - other) / np.linalg.norm(exact))


def _autodiff_errors(
    problem: FeedForward, w: Array, inputs: Array, labels: NDArray[np.int64]
) -> Array | None:
    """Return the relative difference of dE/dW_n from automatic differentiation of the loss written out."""
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return None
    targets = np.eye(10)[labels]

    def loss(layers: list[tuple[Array, Array]]) -> Any:
        y = inputs
        for kernel, bias in layers[:-1]:
            y = anp.tanh(anp.dot(y, kernel.T) + bias)
        kernel, bias = layers[-1]
        return 0.5 * anp.sum((anp.dot(y, kernel.T) + bias - targets) ** 2) / len(inputs)

    found = autograd.grad(loss)(problem.unflatten(w))
    own = problem.unflatten(problem.gradient(w))
    return np.array([_relative(ours, other) for (ours, _), (other, _) in zip(own, found, strict=True)])


def plot(results: Results) -> Figure:
    """Return the figure: the check of the deltas, the decrease of the error, and the accuracy."""
    figure, panels = plots.new_figure(3, width="text", height=2.8)
    runs = {"flow": results.flow} | {
        rf"$\eta = {share:g}\cdot 2/\lambda$": each for share, each in results.descents.items()
    }
    with plots.in_style():
        _draw_check(panels[0], results.check)
        plots.draw_losses(runs, xscale="log", ax=panels[1])
        panels[1].set(title=f"{results.num_training} digits", xlabel="flow time $t$")
        _draw_accuracy(panels[2], results, runs)
    plots.letter_panels(panels)
    plots.settle_legends(figure)
    plots.share_legend(figure, panels[1:])
    return figure


def _draw_check(ax: Axes, check: Check) -> None:
    for n in range(check.deltas.shape[1]):
        color = style.DESCENT_COLORS[n]
        ax.loglog(
            check.steps, check.deltas[:, n], "o-", color=color, markersize=3, label=rf"$\delta_{n + 2}$"
        )
        ax.loglog(check.steps, check.products[:, n], ":", color=color, linewidth=1.4)
    ax.plot([], [], ":", color=style.DARK, linewidth=1.4, label=r"$\delta_{n+1}\,y_n^\top$")
    rough = check.steps >= 1e-3
    ax.loglog(check.steps[rough], 4e-2 * check.steps[rough] ** 2, label="$h^2$", **style.LIMIT_LINE)
    ax.set(xlabel="step $h$ of differences", ylabel="difference over length")
    ax.set_title(r"$\delta$ against differences")
    if check.autodiff is not None:
        text = f"automatic differentiation\nagrees to {check.autodiff.max():.0e}"
        ax.text(0.04, 0.04, text, transform=ax.transAxes, fontsize=6.7)
    plots.legend(ax)


def _draw_accuracy(ax: Axes, results: Results, runs: dict[str, gf.Trajectory]) -> None:
    for (label, line), each in zip(style.lines(runs).items(), runs.values(), strict=True):
        later = each.times > 0
        ax.semilogx(each.times[later], 100 * each.records["test"][later], label=label, **line)
    flow, later = results.flow, results.flow.times > 0
    ax.plot(
        flow.times[later],
        100 * flow.records["training"][later],
        label="flow, training",
        **{**style.FLOW_LINE, "linestyle": ":", "linewidth": 1.4},
    )
    ax.set(xlabel="flow time $t$", ylabel="digits read correctly, %", ylim=(0.0, 103.0))
    ax.set_title(f"{results.num_test} unseen digits")


def answers(results: Results) -> dict[str, Any]:
    """Return how well the recursion agrees, and what following the gradient does."""
    check = results.check
    layers = range(1, check.deltas.shape[1] + 1)
    exact = {} if check.autodiff is None else {"dE/dW_n from autodiff": check.autodiff}
    runs = {"flow": results.flow} | {
        f"{share:g} * 2/lambda": each for share, each in results.descents.items()
    }
    each_run = runs.values()
    return {
        "relative difference from central differences at their best step": {
            "n": list(layers),
            "delta_n+1": check.deltas.min(axis=0),
            "dE/dW_n": check.products.min(axis=0),
            **exact,
        },
        "training digits": results.num_training,
        "test digits": results.num_test,
        "runs": {
            "run": list(runs),
            "steps": [each.steps[-1] for each in each_run],
            "first error": [each.losses[0] for each in each_run],
            "last error": [each.final_loss for each in each_run],
            "training read": [each.records["training"][-1] for each in each_run],
            "test read at first": [each.records["test"][0] for each in each_run],
            "test read": [each.records["test"][-1] for each in each_run],
            "rising steps": [int((np.diff(each.step_losses) > 0).sum()) for each in each_run],
        },
    }


if __name__ == "__main__":
    script.run(__file__)
