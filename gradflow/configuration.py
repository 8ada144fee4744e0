"""What a figure was made with: versions, processor, BLAS, kernels."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TextIO

from gradflow import kernels
from gradflow.kernels.instructions import avx512, target

# Their versions decide a run's speed or its rounding.
_PACKAGES = ("numpy", "scipy", "numba")
_UFUNCS = ("tanh", "exp")


def show_config(file: TextIO | None = None) -> None:
    """Print the versions, the processor, the BLAS library and the kernels that are in use.

    A figure of speed means little without them: which core OpenBLAS has picked, how many threads it
    takes, whether numpy's tanh is vectorized here and whether numba is there decide most of it.

    Parameters
    ----------
    file : text stream, optional
        Where to write; standard output by default.

    See Also
    --------
    gradflow.configuration.config : The same as a dictionary.
    gradflow.kernels.use : Choose the kernels.

    Examples
    --------
    >>> import gradflow as gf
    >>> gf.show_config()  # doctest: +ELLIPSIS
    gradflow    0.1.0
    Python      3...
    """
    stream = sys.stdout if file is None else file
    stream.write("".join(f"{name:11} {value}\n" for name, value in config().items()))


def config() -> dict[str, str]:
    """Return what `show_config` prints, line by line.

    Returns
    -------
    dict of str
        "gradflow", "Python", "numpy", "scipy" and "numba" with their versions; "processor"; "BLAS" with
        version, core and threads of every library loaded; "vectors", the instructions that numpy's tanh
        and exp use; "kernels", what computes the activations, and why.
    """
    import gradflow
    from gradflow.kernels import compiled

    compiled.ready()  # the choice may fall on numpy when numba turns out not to work
    chosen = kernels.choice()
    return {
        "gradflow": gradflow.__version__,
        "Python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "processor": _processor(),
        "BLAS": _blas(),
        "vectors": _vectors(),
        "kernels": f"{chosen.name} ({chosen.reason})",
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def _blas() -> str:
    """Return the BLAS libraries of numpy and, where it is loaded, scipy."""
    import numpy as np  # noqa: F401
    import threadpoolctl

    found = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
    words = [
        f"{each['internal_api']} {each['version']}, {each.get('architecture', 'unknown')} kernels, "
        f"{each['num_threads']} thread{'s' * (each['num_threads'] > 1)}"
        for each in found
    ]
    return "; ".join(dict.fromkeys(words)) or "unknown"


def _vectors() -> str:
    return ", ".join(_instructions(ufunc) for ufunc in _UFUNCS)


def _instructions(ufunc: str) -> str:
    words = "AVX-512" if avx512(ufunc) else "no AVX-512"
    return f"{ufunc} {target(ufunc, 'float64')} ({words})"
