"""How a run ends: its reason, the rows it keeps whatever happens, and the error it hands over with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradflow.errors import FAILURES
from gradflow.simulate.checkpoint import Writer
from gradflow.simulate.hooks import HookError
from gradflow.simulate.interrupts import Interrupts
from gradflow.simulate.run_recorder import RunRecorder
from gradflow.trajectory import Outcome, Trajectory


class Ended(NamedTuple):
    """Why a run stopped, as a category and as the sentence a person reads."""

    outcome: Outcome
    message: str


INTERRUPTED = Ended(Outcome.INTERRUPTED, Outcome.INTERRUPTED.value)


def run_to_its_end(
    steps: Callable[[], Ended],
    recorder: RunRecorder,
    trajectory: Callable[[Ended], Trajectory],
    writer: Writer,
    *,
    terminates: bool,
    pending: Callable[[], None] | None = None,
) -> Trajectory:
    """Return the trajectory of what `steps` does, whatever ends it.

    Parameters
    ----------
    steps : callable
        Runs and returns why it ended.
    recorder : RunRecorder
        Where it notes what it reaches.
    trajectory : callable
        Makes the trajectory of what was reached.
    writer : Writer
        Of the checkpoint, written once more at the end.
    terminates : bool
        Whether SIGTERM ends the run as Ctrl-C does.
    pending : callable, optional
        Keeps rows that wait for steps which will not come.

    Raises
    ------
    Exception
        The bug of a record, event or callback, with what was reached as its attribute `trajectory`.
    """
    bug: HookError | None = None
    with Interrupts(terminates) as interrupts:
        try:
            with np.errstate(all="ignore"):
                ended = steps()
            interrupts.hold()
        except KeyboardInterrupt:
            interrupts.hold()
            ended = INTERRUPTED
        except HookError as error:
            interrupts.hold()
            bug, ended = error, Ended(Outcome.FAILED, f"a function of yours raised {error.bug!r}")
        except FAILURES as failure:
            interrupts.hold()
            ended = Ended(Outcome.FAILED, str(failure) or repr(failure))
        late = recorder.keep_last(interrupts, pending)
        bug = bug or late
        run = trajectory(ended)
        writer.write(run)
    if bug is not None:
        raise _handed_over(bug.bug, run)
    return run


def _handed_over(error: Any, run: Trajectory) -> Exception:
    """Return the user's error with the run on it."""
    error.trajectory = run
    error.add_note(
        f"what the run had reached is the attribute `trajectory` of this error: {len(run.times):,} rows to "
        f"t = {run.times[-1]:.6g}"
    )
    return error
