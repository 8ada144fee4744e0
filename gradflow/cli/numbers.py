"""A comparison as one JSON object for programs."""

from __future__ import annotations

import json
import math
from typing import Any

import gradflow
from gradflow.cli.results import Finished, Part, Results


def as_json(results: Results) -> str:
    """Return one JSON object with every number of the table; what is not finite is null."""
    plan, parts = results.plan, results.parts
    found = {
        "gradflow": gradflow.__version__,
        "problem": plan.name,
        "description": plan.subject.description,
        "num_weights": int(plan.grounds[0].w0.size),
        "settings": settings(results),
        "sharpness": plan.grounds[0].sharpness,
        "limit": plan.grounds[0].limit,
        "flow": of_run(parts[0].flow, parts[0]) if parts else None,
        "descents": [of_run(each, part) for part in parts for each in part.descents],
        "seeds": [_of_seed(part) for part in parts],
        "interrupted": results.interrupted,
        "output": str(plan.output),
        "figures": [str(path) for path in results.figures],
        "trajectories": [str(path) for path in results.trajectories],
    }
    return json.dumps(finite(found), indent=2, allow_nan=False) + "\n"


def settings(results: Results) -> dict[str, Any]:
    """Return what was asked."""
    plan = results.plan
    return {
        "seed": plan.grounds[0].seed,
        "seeds": [ground.seed for ground in plan.grounds],
        "learning_rates": list(plan.learning_rates),
        "rule": plan.rule,
        "batch": plan.batch,
        "end_time": plan.end_time,
        "rate": plan.rate,
        "method": plan.method,
        "precision": plan.precision,
        "sketch": sketch(results),
    }


def sketch(results: Results) -> dict[str, int] | None:
    """Return how the weights are kept where they are too many."""
    return results.parts[0].flow.run.settings["sketch"] if results.parts else None


def of_run(finished: Finished, part: Part) -> dict[str, Any]:
    """Return the numbers of one run."""
    run, eta = finished.run, finished.learning_rate
    numbers: dict[str, Any] = {
        "seed": part.ground.seed,
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
        ends = {"start": part.ground.sharpness, "end": finished.sharpness}
        numbers |= {"learning_rate": eta}
        numbers |= {f"effective_sharpness_{end}": value and eta * value for end, value in ends.items()}
    if finished.comparison is not None:
        numbers["largest_distance"] = finished.comparison.largest_distance
        numbers["final_distance"] = finished.comparison.final_distance
    return numbers


def _of_seed(part: Part) -> dict[str, Any]:
    ground = part.ground
    return {
        "seed": ground.seed,
        "sharpness": ground.sharpness,
        "limit": ground.limit,
        "flow": of_run(part.flow, part),
    }


def finite(value: Any) -> Any:
    """Return the same with None for numbers that JSON cannot say."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
