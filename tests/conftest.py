"""Settings that every test shares."""

import matplotlib
import pytest
from threadpoolctl import threadpool_limits

matplotlib.use("Agg")


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread():
    # The matrices here are small: two threads spend their time waiting for each other.
    with threadpool_limits(1):
        yield
