"""scipy's LSODA for runs that nobody watches: it says where it cannot run, and knows its own velocity."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import scipy
from scipy.integrate import LSODA as SCIPY_LSODA

from gradflow.types import Array

# From this version on every LSODA has memory of its own; before, all of a process shared one.
_OWN_MEMORY = (1, 17)


class _Here(threading.local):
    """How many steps of LSODA this thread is inside of."""

    depth = 0


_HERE = _Here()


class LSODA(SCIPY_LSODA):
    """Adams' or backward differentiation formulas, whichever allow longer steps, with a dense Jacobian.

    All but what follows is scipy's. It pays for a few dozen unknowns, where its compiled steps cost a
    fraction of any written in Python.

    Attributes
    ----------
    velocity : ndarray, shape (n,)
        dy/dt at the end of the last step as the formula has it, without an evaluation.

    Examples
    --------
    >>> import numpy as np
    >>> solver = LSODA(lambda t, y: -y, 0.0, np.ones(1), 1.0, rtol=1e-8, atol=1e-10)
    >>> while solver.status == "running":
    ...     message = solver.step()
    >>> bool(abs(solver.velocity[0] + np.exp(-1.0)) < 1e-6)
    True
    """

    @property
    def velocity(self) -> Array:
        """dy/dt at the end of the last step: the second column of its Nordsieck array is h dy/dt."""
        output: Any = self.dense_output()
        return output.yh[:, 1] / output.h

    def _step_impl(self) -> Any:
        _HERE.depth += 1
        try:
            if self.t_old is not None:
                return super()._step_impl()  # type: ignore[misc]
            # A function that calls another LSODA lets the first step fail. The caller is told by the status.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "lsoda: ", UserWarning)
                return super()._step_impl()
        finally:
            _HERE.depth -= 1


def is_free() -> bool:
    """Return whether a LSODA can run here and now: not inside the step of another one, nor in an old scipy.

    Examples
    --------
    >>> asked = []
    >>> solver = LSODA(lambda t, y: asked.append(is_free()) or -y, 0.0, [1.0], 1.0)
    >>> solver.step()
    >>> any(asked)
    False
    """
    version = tuple(int(part) for part in scipy.__version__.split(".")[:2])
    return version >= _OWN_MEMORY and _HERE.depth == 0
