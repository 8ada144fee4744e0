"""Write src/numbers/starts.ts: starting weights of the networks as gradflow draws them, and directions."""

from pathlib import Path

import numpy as np

from gradflow import cases

SEEDS = range(6)
TARGET = Path(__file__).parents[1] / "src" / "numbers" / "starts.ts"


def rows(name: str) -> str:
    """Return the starting weights of a case, one line a seed."""
    starts = [cases.make(name, seed=seed).w0.tolist() for seed in SEEDS]
    return "".join(f"  [{', '.join(map(repr, start))}],\n" for start in starts)


def text() -> str:
    """Return the file."""
    directions = np.random.default_rng(0).standard_normal(62).tolist()
    return (
        "// Written by scripts/starts.py: what numpy's generator draws.\n\n"
        f"export const XOR_STARTS: number[][] = [\n{rows('xor')}];\n\n"
        f"export const CHEBYSHEV_STARTS: number[][] = [\n{rows('chebyshev-3')}];\n\n"
        "// The difference between two runs with which an exponent begins.\n"
        f"export const DIRECTIONS: number[] = [\n  {', '.join(map(repr, directions))},\n];\n"
    )


if __name__ == "__main__":
    TARGET.write_text(text())
