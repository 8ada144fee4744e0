"""What figures of speed depend on, printed above them: processor, BLAS core, threads, kernels."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import scipy
import threadpoolctl
from numpy.lib import introspect

# numpy's names of the instructions that mean AVX-512, old and new.
AVX512 = ("AVX512", "X86_V4")


def show() -> None:
    """Print the processor, the versions, the BLAS libraries as they are now, and numpy's tanh."""
    lines = {
        "processor": processor(),
        "versions": f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}",
        "BLAS": "; ".join(dict.fromkeys(map(library, threadpoolctl.threadpool_info()))),
        "kernels": f"numpy, tanh {tanh()}",
    }
    print("\n".join(f"{name:10} {value}" for name, value in lines.items()), flush=True)


def processor() -> str:
    """Return the name of the processor, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def library(found: dict) -> str:
    """Return a threaded library, its kernels and its threads."""
    core = f", {found['architecture']} kernels" if "architecture" in found else ""
    plural = "s" * (found["num_threads"] > 1)
    return f"{found['internal_api']} {found['version']}{core}, {found['num_threads']} thread{plural}"


def tanh() -> str:
    """Return the instructions that numpy's tanh takes in double precision."""
    chosen = introspect.opt_func_info("^tanh$", "^float64$").get("tanh", {})
    target = next((each["current"] for each in chosen.values()), "of the baseline")
    return f"{target} ({'AVX-512' if target.startswith(AVX512) else 'no AVX-512'})"
