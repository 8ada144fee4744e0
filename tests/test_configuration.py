"""What `gf.show_config` says."""

import io
import platform

import numpy as np
import pytest
import scipy

import gradflow as gf
from gradflow.configuration import config


def test_it_names_versions_processor_libraries_and_kernels():
    found = config()
    assert found["gradflow"] == gf.__version__
    assert found["Python"] == platform.python_version()
    assert (found["numpy"], found["scipy"]) == (np.__version__, scipy.__version__)
    assert found["processor"]
    assert "thread" in found["BLAS"] or found["BLAS"] == "unknown"
    assert found["vectors"].startswith("tanh ")


def test_what_is_printed_is_that_line_by_line(capsys):
    gf.show_config()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[name, value] for name, value in config().items()]


def test_it_prints_where_it_is_told():
    stream = io.StringIO()
    gf.show_config(stream)
    assert stream.getvalue().startswith("gradflow ")


@pytest.fixture
def variable(monkeypatch):
    """Sets the environment variable for one test."""
    yield lambda value: (monkeypatch.setenv("GRADFLOW_KERNELS", value), gf.kernels.use("auto"))
    monkeypatch.undo()
    gf.kernels.use("auto")


def test_it_says_which_kernels_were_asked_for_and_by_whom(variable):
    variable("numpy")
    assert config()["kernels"] == "numpy (GRADFLOW_KERNELS asks for it)"


def test_it_tries_a_numba_before_it_names_it(variable, monkeypatch):
    def broken(_name):
        raise ImportError("Numba needs NumPy 2.5 or less")

    variable("auto")
    monkeypatch.setattr("gradflow.kernels.switch._installed", lambda: True)
    monkeypatch.setattr("gradflow.kernels.compiled.import_module", broken)
    assert config()["kernels"].startswith("numpy (numba does not work here: ImportError: Numba needs NumPy")


def test_a_wrong_value_of_the_environment_variable_is_one_sentence(variable):
    variable("fortran")
    with pytest.raises(
        ValueError, match=r"^`GRADFLOW_KERNELS` must be one of auto, numba, numpy, got 'fortran'$"
    ):
        config()
