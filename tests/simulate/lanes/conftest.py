import pytest

import gradflow as gf


@pytest.fixture(params=["numpy", "numba"])
def kernels(request):
    """Both kinds of lanes, those compiled where numba is installed."""
    if request.param == "numba":
        pytest.importorskip("numba")
    gf.kernels.use(request.param)
    yield request.param
    gf.kernels.use("auto")
