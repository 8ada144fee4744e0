"""Pineda's content-addressable memory: patterns made fixed points of a network without inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradflow import validate
from gradflow.problems.recurrent.network import Recurrent
from gradflow.types import Array


class AssociativeMemory:
    """V visible and H hidden units that should rest at given patterns and return to them.

    While it learns, the visible units are there twice. Masters are clamped to a pattern and drive the
    hidden units and the slaves; slaves are free, drive nobody, and have the pattern as their target.
    With E = 0 the slaves equal the masters, so that a slave may take its master's place: the pattern is
    a fixed point of the `released` network of visible and hidden units under the same weights. Whether
    it is an attractor, and how wide, `recall` shows. The memory itself is no problem and has no loss:
    what a run descends is its network, `learning`.

    Parameters
    ----------
    patterns : array_like, shape (P, V)
        What is to be stored, within the activation's range.
    num_hidden : int
        H.
    activation : str
        g, by its name in `FeedForward`.
    rest : float
        Resting activation of the hidden units and slaves.

    Attributes
    ----------
    learning : Recurrent
        The network of slaves, masters and hidden units, to be descended: E(w) of its (V + H)^2 weights.
    patterns : ndarray, shape (P, V)

    Raises
    ------
    ValueError
        If arguments are out of their range.

    References
    ----------
    Pineda, *Generalization of backpropagation to recurrent and higher order neural networks*, NIPS 1987,
    602: a content-addressable memory trained as a constrained dynamical system.

    Examples
    --------
    One tanh unit that holds +-0.9 needs w with tanh(0.9 w) = 0.9. It then returns from every start.

    >>> memory = AssociativeMemory([[0.9], [-0.9]], activation="tanh", rest=0.0)
    >>> w = np.array([np.arctanh(0.9) / 0.9])
    >>> bool(memory.learning.loss(w) < 1e-30)
    True
    >>> memory.recall(w, [[0.1], [-2.0]]).round(12)
    array([[ 0.9],
           [-0.9]])
    """

    def __init__(
        self, patterns: ArrayLike, num_hidden: int = 0, *, activation: str = "sigmoid", rest: float = 0.5
    ) -> None:
        self.patterns = validate.array("patterns", patterns, 2)
        self._num_hidden = validate.count("num_hidden", num_hidden, least=0)
        self._activation, self._rest = activation, float(rest)
        num_patterns, visible = self.patterns.shape
        hidden = np.zeros((num_patterns, self._num_hidden))
        drive = np.hstack([np.zeros_like(self.patterns), self.patterns, hidden])
        # Slaves send nothing, so that the weights lie as in the released network.
        connections = np.ones((drive.shape[1],) * 2, dtype=bool)
        connections[:, :visible] = False
        self.learning = Recurrent(
            drive,
            self.patterns,
            range(visible),
            clamped=range(visible, 2 * visible),
            connections=connections,
            activation=activation,
            rest=rest,
        )

    @property
    def num_visible(self) -> int:
        """Number of visible units V."""
        return self.patterns.shape[1]

    def released(self, cues: ArrayLike) -> Recurrent:
        """Return the network without masters, visible units resting at `cues` (M, V), its targets 0."""
        start = validate.array("cues", cues, 2)
        if start.shape[1] != self.num_visible:
            raise ValueError(f"`cues` must have {self.num_visible} columns, got {start.shape[1]}")
        rest = np.hstack([start, np.full((len(start), self._num_hidden), self._rest)])
        return Recurrent(
            np.zeros_like(rest),
            np.zeros_like(start),
            range(self.num_visible),
            activation=self._activation,
            rest=rest,
        )

    def recall(self, w: ArrayLike, cues: ArrayLike) -> Array:
        """Return where the visible units come to rest from `cues` (M, V), shape (M, V).

        Raises
        ------
        Undefined
            If a cue never comes to rest.
        """
        return self.released(cues).fixed_points(w)[:, : self.num_visible]

    def are_attractors(self, w: ArrayLike, tolerance: float = 0.1) -> NDArray[np.bool_]:
        """Return which patterns (P,) the released network, started there, stays at within `tolerance`."""
        return np.abs(self.recall(w, self.patterns) - self.patterns).max(axis=1) <= tolerance
