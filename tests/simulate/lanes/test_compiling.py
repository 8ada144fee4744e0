"""Nothing is compiled for runs that numpy has done before."""

import subprocess
import sys

import pytest

from gradflow.kernels import switch
from gradflow.problems import DoubleWell
from gradflow.simulate.lanes.compiled_lanes import WORTH, compiled_kernels


def test_few_steps_stay_with_numpy_and_many_are_compiled(monkeypatch):
    pytest.importorskip("numba")
    well = DoubleWell()
    monkeypatch.setattr(switch, "asked_for", lambda: False)
    assert compiled_kernels(well, "descents", WORTH - 1) is None
    assert compiled_kernels(well, "descents", WORTH) is not None
    monkeypatch.setattr(switch, "asked_for", lambda: True)
    assert compiled_kernels(well, "descents", 1) is not None


def test_four_hundred_runs_load_no_numba():
    code = (
        "import sys, numpy as np, gradflow as gf\n"
        "gf.descend_many(gf.problems.DoubleWell(), [0.4], np.linspace(0.1, 1.0, 400), 500)\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
