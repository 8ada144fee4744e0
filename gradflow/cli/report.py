"""A comparison as a table for people, and as one JSON object for programs."""

from __future__ import annotations

import json
import math
from typing import Any

import gradflow
from gradflow.cli.results import Finished, Results
from gradflow.studies.table import aligned

HEAD = (
    "",
    "learning rate",
    "steps",
    "eta*sharpness",
    "",
    "final loss",
    "distance to flow",
    "seconds",
    "outcome",
)
SECOND_HEAD = ("", "", "", "start", "end", "", "largest", "", "")


def as_text(results: Results) -> str:
    """Return the table with what it is about above and where the files are below."""
    rows = [_row("flow", results.flow, results)] if results.flow else []
    rows += [_row("descent", each, results) for each in results.descents]
    return "\n".join(
        [*_introduction(results), "", *aligned([HEAD, SECOND_HEAD, *rows]), "", *_ending(results), ""]
    )


def _introduction(results: Results) -> list[str]:
    plan = results.plan
    lines = [
        f"{plan.name}: {plan.case.description}",
        f"{plan.case.problem!r}",
        f"flow time 0 to {plan.end_time:g} at rate {plan.rate:g}, starting weights of seed {plan.seed}",
    ]
    if results.limit is not None:
        lines.append(
            f"sharpness {results.sharpness:.4g} at the start: stability limit 2/sharpness {results.limit:.4g}"
        )
    elif results.sharpness is not None:
        lines.append(
            f"sharpness {results.sharpness:.4g} at the start: no learning rate is linearly unstable there"
        )
    return lines


def _row(kind: str, finished: Finished, results: Results) -> tuple[str, ...]:
    numbers = _numbers(finished, results)
    run, outcome = finished.run, finished.outcome
    if run.is_continuous:
        outcome += f" ({run.method}: {run.num_gradients:,} gradients, {run.num_hvps:,} Hessian products)"
    return (
        kind,
        "-" if finished.learning_rate is None else finished.name,
        f"{numbers['steps']:,}",
        brief(numbers.get("effective_sharpness_start")),
        brief(numbers.get("effective_sharpness_end")),
        brief(numbers["final_loss"]),
        brief(numbers.get("largest_distance")),
        f"{finished.seconds:.1f}",
        outcome,
    )


def brief(value: float | None) -> str:
    """Return a number in four digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def _sketch(results: Results) -> dict[str, int] | None:
    return None if results.flow is None else results.flow.run.settings["sketch"]


def _ending(results: Results) -> list[str]:
    plan, lines = results.plan, []
    if sketch := _sketch(results):
        lines.append(f"distances are estimates from sketches of {sketch['size']} numbers")
    if results.interrupted:
        asked, missing = len(plan.learning_rates), len(plan.learning_rates) - len(results.descents)
        lines.append(
            "interrupted from the keyboard" + f", {missing} of {asked} descents not run" * (missing > 0)
        )
    names = [path.name for path in (*results.figures, *results.trajectories)]
    if names:
        lines.append(f"figure and trajectories are in {plan.output}: {', '.join(names)}")
    if older := _older(results):
        lines.append(f"of an earlier comparison of {plan.name}, and left there: {', '.join(older)}")
    return lines


def _older(results: Results) -> list[str]:
    """Return the descents of the same problem in the folder that are none of this comparison."""
    found = {path.name for path in results.plan.output.glob(f"{results.plan.name}-descent-*.npz")}
    return sorted(found - {path.name for path in results.trajectories})


def as_json(results: Results) -> str:
    """Return one JSON object with every number of the table; what is not finite is null."""
    plan = results.plan
    found = {
        "gradflow": gradflow.__version__,
        "problem": plan.name,
        "description": plan.case.description,
        "num_weights": int(plan.case.w0.size),
        "settings": {
            "seed": plan.seed,
            "learning_rates": list(plan.learning_rates),
            "end_time": plan.end_time,
            "rate": plan.rate,
            "method": plan.method,
            "sketch": _sketch(results),
        },
        "sharpness": results.sharpness,
        "limit": results.limit,
        "flow": results.flow and _numbers(results.flow, results),
        "descents": [_numbers(each, results) for each in results.descents],
        "interrupted": results.interrupted,
        "output": str(plan.output),
        "figures": [str(path) for path in results.figures],
        "trajectories": [str(path) for path in results.trajectories],
    }
    return json.dumps(finite(found), indent=2, allow_nan=False) + "\n"


def _numbers(finished: Finished, results: Results) -> dict[str, Any]:
    run, eta = finished.run, finished.learning_rate
    numbers: dict[str, Any] = {
        "method": run.method,
        "steps": len(run.step_losses) - 1,
        "num_gradients": run.num_gradients,
        "num_hvps": run.num_hvps,
        "sharpness_end": finished.sharpness,
        "final_time": float(run.times[-1]),
        "final_loss": run.final_loss,
        "outcome": run.outcome.name,
        "message": run.message,
        "diverged": finished.diverged,
        "seconds": round(finished.seconds, 3),
    }
    if eta is not None:
        ends = {"start": results.sharpness, "end": finished.sharpness}
        numbers |= {"learning_rate": eta}
        numbers |= {f"effective_sharpness_{end}": value and eta * value for end, value in ends.items()}
    if finished.comparison is not None:
        numbers["largest_distance"] = finished.comparison.largest_distance
        numbers["final_distance"] = finished.comparison.final_distance
    return numbers


def finite(value: Any) -> Any:
    """Return the same with None for numbers that JSON cannot say."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
