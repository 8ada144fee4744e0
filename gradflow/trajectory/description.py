"""A trajectory in a few lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow import pictures

if TYPE_CHECKING:
    from gradflow.trajectory.trajectory import Trajectory


def described(run: Trajectory) -> str:
    """Return what ran, how it ended, what it cost and what it met."""
    kind = "flow" if run.is_continuous else "descent"
    rows, width = run.weights.shape
    what = f"sketches of {width} numbers" if run.settings.get("sketch") else f"{width} weights"
    lines = [
        f"Trajectory of a {kind} by {run.method}: {run.verdict}, {run.message}",
        f"  flow time {run.times[0]:.6g} to {run.times[-1]:.6g} in {len(run.step_times) - 1:,} steps, "
        f"{rows:,} rows of {what}",
        f"  loss      {run.losses[0]:.6g} to {run.losses[-1]:.6g}{_batch_losses(run)}",
        f"  cost      {run.num_gradients:,} gradients, {run.num_hvps:,} Hessian-vector products",
    ]
    if run.records:
        lines.append(f"  records   {', '.join(run.records)}")
    for name, (levels, times, _) in run.crossings.items():
        found = ", ".join(f"{level:g} at t = {t:.6g}" for level, t in zip(levels[:4], times[:4], strict=True))
        lines.append(f"  event     {name}: {found or 'not met'}{' ...' if len(times) > 4 else ''}")
    return "\n".join(lines)


def shown(run: Trajectory) -> str:
    """Return a picture of the losses and the numbers, as HTML."""
    facts = {
        "outcome": f"{run.verdict}, {run.message}",
        "flow time": f"{run.times[0]:.6g} to {run.times[-1]:.6g}",
        "steps": f"{len(run.step_times) - 1:,}",
        "rows, weights": f"{len(run.times):,}, {run.weights.shape[1]:,}",
        "loss": f"{run.losses[0]:.6g} to {run.losses[-1]:.6g}{_batch_losses(run)}",
        "cost": f"{run.num_gradients:,} gradients, {run.num_hvps:,} Hessian-vector products",
    }
    kind = "flow" if run.is_continuous else "descent"
    picture = pictures.lines("loss", [(run.step_times, run.step_losses)])
    return pictures.block(f"Trajectory of a {kind} by {run.method}", facts, picture)


def _batch_losses(run: Trajectory) -> str:
    """Return what a reader of the losses must know about a mini-batch run."""
    if not run.has_batch_losses:
        return ""
    return f" of the whole problem at rows; `step_losses` are of batches of {run.settings['batch']}"
