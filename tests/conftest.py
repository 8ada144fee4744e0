"""Settings that every test shares."""

import os

import matplotlib
import pytest
from threadpoolctl import threadpool_limits

from gradflow import kernels
from gradflow.kernels import compiled

matplotlib.use("Agg")


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread():
    # The matrices here are small: two threads spend their time waiting for each other.
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_kernels():
    # With this variable set, compiled code computes the small arrays of the tests too. Not the smallest:
    # where two arrays begin within 256 bytes of each other a sum may be taken entry by entry, and differ in
    # its last bits from the same sum elsewhere in memory.
    if "GRADFLOW_TEST_COMPILED" in os.environ:
        kernels.use("numba")
        compiled.LEAST_ENTRIES = 64
