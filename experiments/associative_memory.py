"""From how many wrong units is a learned pattern recalled?

Four random patterns of 16 tanh units at +-0.9 are made fixed points by clamped masters that drive free
slaves; the flow takes the loss below 1e-18 and, released from the masters, all four are attractors. The
memory then recalls every cue with 1 or 2 flipped units, 78 % with 4 and 28 % with 6. The basins shrink
with every pattern: of cues with 4 flipped units one pattern gets 100 % back, two 99 %, six 48 %. tanh
being odd, the mirror images of the patterns are attractors too, and take the other cues as often as the
other patterns do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gradflow as gf
from gradflow import plots, script
from gradflow.experiments import integrate
from gradflow.plots import style
from gradflow.problems import AssociativeMemory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

LEVEL = 0.9
# A run of seconds.
QUICK = {"num_patterns": (1, 4), "num_cues": 40}


@dataclass(frozen=True, eq=False)
class Recall:
    """Memories of several numbers of patterns.

    Attributes
    ----------
    num_patterns : ndarray of int, shape (m,)
        Patterns stored by each memory.
    learning : tuple of Trajectory
        The flow of each.
    attractors : ndarray of int, shape (m,)
        How many patterns are attractors of the released network.
    flips : ndarray of int, shape (f,)
        Units flipped in a cue.
    recalled : ndarray, shape (m, f)
        Share of cues that end within 0.1 of their pattern in every unit.
    """

    num_patterns: NDArray[np.int64]
    learning: tuple[gf.Trajectory, ...]
    attractors: NDArray[np.int64]
    flips: NDArray[np.int64]
    recalled: Array


def run(
    *,
    num_units: int = 16,
    num_patterns: Sequence[int] = (1, 2, 4, 6),
    end_time: float = 100.0,
    num_cues: int = 100,
    seed: int = 0,
) -> Recall:
    """Return what memories of several numbers of patterns recall.

    Parameters
    ----------
    num_units : int
        Visible units; there are no hidden ones.
    num_patterns : sequence of int
        Patterns stored, at +-0.9, random.
    end_time : float
        Flow time of learning.
    num_cues : int
        Cues of each number of flipped units.
    seed : int
        Of patterns, starting weights and cues.
    """
    generator = np.random.default_rng(seed)
    flips = np.arange(num_units // 2 + 1)
    learning, attractors, recalled = [], [], []
    for number in num_patterns:
        signs = generator.choice([-1.0, 1.0], size=(number, num_units))
        memory = AssociativeMemory(LEVEL * signs, activation="tanh", rest=0.0)
        w0 = memory.learning.initial_weights(seed, scale=0.3)
        run = integrate(gf.GradientFlow(memory.learning), w0, end_time, method="LSODA", times=200)
        learning.append(run)
        attractors.append(memory.are_attractors(run.final_weights).sum())
        recalled.append([_recalled(memory, run.final_weights, k, num_cues, generator) for k in flips])
    return Recall(np.array(num_patterns), tuple(learning), np.array(attractors), flips, np.array(recalled))


def _recalled(
    memory: AssociativeMemory, w: Array, num_flips: int, num_cues: int, generator: np.random.Generator
) -> float:
    """Return the share of cues with flipped units that lead back to their pattern."""
    chosen = memory.patterns[np.arange(num_cues) % len(memory.patterns)]
    order = generator.random(chosen.shape).argsort(axis=1)
    cues = np.where(order < num_flips, -chosen, chosen)
    return float((np.abs(memory.recall(w, cues) - chosen).max(axis=1) < 0.1).mean())


def plot(results: Recall) -> Figure:
    """Return the figure: the loss while learning, and the share of cues recalled."""
    figure, (left, right) = plots.new_figure(2, width="text", height=2.7)
    with plots.in_style():
        for place, number in enumerate(results.num_patterns.tolist()):
            line = style.descent_line(place)
            label = f"{number} pattern{'s' if number > 1 else ''}"
            run = results.learning[place]
            above = run.losses > 1e-16
            left.semilogy(run.times[above], run.losses[above], label=label, **line)
            right.plot(results.flips, results.recalled[place], marker="o", markersize=3, label=label, **line)
        left.set(xlabel=r"flow time $t$", ylabel=style.LOSS, title="learning with masters")
        right.axvline(results.flips[-1], label="half of the units", **style.LIMIT_LINE)
        right.set(
            xlabel="flipped units in the cue", ylabel="share of cues recalled", title="recall without masters"
        )
        right.set_ylim(-0.03, 1.05)
        plots.legend(left)
    plots.letter_panels((left, right))
    plots.share_legend(figure)
    return figure


def answers(results: Recall) -> dict[str, Any]:
    """Return how each memory was learned, and what share of cues it recalls."""
    learned = results.learning
    return {
        "learning": {
            "patterns": results.num_patterns,
            "final loss": [each.final_loss for each in learned],
            "gradients": [each.num_gradients for each in learned],
            "attractors": results.attractors,
        },
        "share of cues recalled": {
            "flipped units": results.flips,
            **{f"of {n}": row for n, row in zip(results.num_patterns, results.recalled, strict=True)},
        },
    }


if __name__ == "__main__":
    script.run(__file__)
