"""What can go wrong that a caller may want to catch by name."""

import numpy as np


class Undefined(ArithmeticError):
    """A loss, gradient or flow has no value at these weights; the message says why.

    Direct callers see it; a run that meets it ends with ``Outcome.FAILED`` and this message.
    """


# What a problem, a record or an event may raise in mid-run: the run ends FAILED with its message.
FAILURES = (ArithmeticError, np.linalg.LinAlgError, RuntimeError)


class CostWarning(UserWarning):
    """A run is about to cost far more gradients than another method would need, or most of the memory."""


class RecordWarning(UserWarning):
    """A record could give no value somewhere; nan stands there and the run went on."""


class ToleranceWarning(UserWarning):
    """A result of a flow rests on something smaller than its tolerance."""
