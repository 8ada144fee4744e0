"""What is on the way to a loss, by the names of its nodes in torch's graph."""

from __future__ import annotations

from typing import Any

# What torch calls the derivatives of functions with kinks.
KINKS = ("Relu", "Prelu", "Hardtanh", "Hardswish", "Hardsigmoid", "Threshold", "MaxPool", "Abs", "Clamp")
# The last one hides what is on its way.
ATTENTION = ("ScaledDotProduct", "CheckpointFunction")


def passes_through(value: Any, functions: tuple[str, ...]) -> bool:
    """Return whether one of these functions, by a part of its name, is on the way to a loss."""
    left, seen = [value.grad_fn], set[Any]()
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(name in node.name() for name in functions):
            return True
        left += [before for before, _ in node.next_functions]
    return False
