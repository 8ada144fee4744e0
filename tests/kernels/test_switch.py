"""Which kernels are in use, and who decides."""

import pytest

from gradflow import kernels
from gradflow.kernels import switch


@pytest.fixture(autouse=True)
def nobody_has_asked(monkeypatch):
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    kernels.use("auto")
    yield
    monkeypatch.undo()
    kernels.use("auto")


def installed(monkeypatch, yes):
    monkeypatch.setattr(switch, "_installed", lambda: yes)


def test_numba_is_used_by_itself_where_it_is_installed(monkeypatch):
    installed(monkeypatch, True)
    assert kernels.choice() == kernels.Choice("numba", "it is installed")
    installed(monkeypatch, False)
    kernels.use("auto")
    assert kernels.choice().name == "numpy"
    assert kernels.choice().reason.startswith("numba is not installed")


def test_the_call_is_stronger_than_the_variable_and_auto_takes_it_back(monkeypatch):
    installed(monkeypatch, True)
    monkeypatch.setenv(switch.VARIABLE, "numpy")
    kernels.use("auto")
    assert kernels.choice().name == "numpy"
    kernels.use("numba")
    assert kernels.choice() == kernels.Choice("numba", "gradflow.kernels.use asks for it")
    kernels.use("auto")
    assert kernels.choice() == kernels.Choice("numpy", "GRADFLOW_KERNELS asks for it")


@pytest.mark.parametrize("name", ["fast", "", None, 1, "NUMPY"])
def test_another_name_is_one_sentence(name):
    with pytest.raises(ValueError, match=r"^`name` must be one of auto, numba, numpy, got "):
        kernels.use(name)


def test_numba_that_is_asked_for_and_missing_is_one_sentence_with_the_cure(monkeypatch):
    installed(monkeypatch, False)
    with pytest.raises(ImportError, match=r"^gradflow.kernels.use asks for numba, .* pip install 'gradflow"):
        kernels.use("numba")
    monkeypatch.setenv(switch.VARIABLE, "numba")
    with pytest.raises(ImportError, match=r"^GRADFLOW_KERNELS asks for numba, which is not installed"):
        kernels.choice()


def test_a_numba_that_fails_is_left_alone_from_then_on(monkeypatch):
    installed(monkeypatch, True)
    switch.give_up(ImportError("Numba needs NumPy 2.5 or less\nand more"))
    reason = "numba does not work here: ImportError: Numba needs NumPy 2.5 or less"
    assert kernels.choice() == kernels.Choice("numpy", reason)


def test_a_numba_that_fails_although_it_was_asked_for_is_the_error(monkeypatch):
    installed(monkeypatch, True)
    kernels.use("numba")
    with pytest.raises(ImportError, match="needs NumPy"):
        switch.give_up(ImportError("Numba needs NumPy 2.5 or less"))
