"""When numba is loaded, and what happens where it, or its cache, does not work."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gradflow import kernels
from gradflow.kernels import compiled, switch
from gradflow.kernels.activations import ACTIVATIONS

NETWORK = """
import numpy as np, sys, gradflow as gf
inputs = np.linspace(-1.0, 1.0, {samples}).reshape(-1, 1)
problem = gf.problems.FeedForward(inputs, np.sin(inputs), (8,))
gradient = problem.gradient(problem.initial_weights(0))
"""


def printed(code, **environment):
    """Return what a new interpreter prints, in which any warning is an error."""
    env = {**os.environ, "GRADFLOW_KERNELS": "auto", **environment}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(autouse=True)
def by_default(monkeypatch):
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    kernels.use("auto")
    yield
    monkeypatch.undo()
    kernels.use("auto")


@pytest.mark.parametrize(("samples", "loaded"), [(20, False), (2000, True)])
def test_numba_is_loaded_by_the_first_large_array_and_not_before(samples, loaded):
    pytest.importorskip("numba")
    code = NETWORK.format(samples=samples) + "print('numba' in sys.modules)"
    assert printed(code) == [str(loaded)]


def test_one_switch_keeps_it_out():
    code = NETWORK.format(samples=2000) + "print('numba' in sys.modules, gf.kernels.choice().name)"
    assert printed(code, GRADFLOW_KERNELS="numpy") == ["False", "numpy"]


def test_without_a_folder_for_the_cache_kernels_live_in_memory():
    pytest.importorskip("numba")
    code = "from numba.core.caching import CacheImpl\nCacheImpl._locator_classes = []\n"
    code += NETWORK.format(samples=2000) + "print(gf.kernels.choice().name, np.isfinite(gradient).all())"
    assert printed(code) == ["numba", "True"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    pytest.importorskip("numba")
    code = """
from numba.core import caching
def full(*_):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile.save = full
"""
    code += NETWORK.format(samples=2000) + "print(gf.kernels.choice().name, np.isfinite(gradient).all())"
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["numba", "True"]


def test_a_cache_that_is_cut_short_is_done_without(tmp_path):
    pytest.importorskip("numba")
    code = NETWORK.format(samples=2000) + "print(gf.kernels.choice().name, np.isfinite(gradient).all())"
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["numba", "True"]
    files = [path for path in tmp_path.rglob("*.nb?") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[:40])
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["numba", "True"]


def test_a_numba_that_cannot_be_imported_leaves_numpy_and_says_why(monkeypatch):
    def broken(_name):
        raise ImportError("Numba needs NumPy 2.5 or less")

    monkeypatch.setattr(switch, "_installed", lambda: True)
    monkeypatch.setattr(compiled, "import_module", broken)
    x = np.linspace(-2.0, 2.0, 3000)
    out = np.empty_like(x)
    ACTIVATIONS["tanh"].value(x, out)
    np.testing.assert_allclose(out, np.tanh(x), rtol=1e-15)
    assert kernels.choice().name == "numpy"
    assert "NumPy 2.5 or less" in kernels.choice().reason


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [((1000,), "d", True), ((999,), "d", False), ((10, 100), "f", True), ((1000,), "g", False)],
)
def test_which_arrays_are_for_compiled_code(shape, dtype, found, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "LEAST_ENTRIES", 1000)
    kernels.use("numba")
    assert (compiled.find("tanh_values", np.zeros(shape, dtype)) is not None) == found
    assert compiled.find("tanh_values", np.zeros((2000, 2))[:, 0]) is None
    assert compiled.find("tanh_chain", np.zeros(2000), np.zeros((2000, 2))[:, 0]) is None
