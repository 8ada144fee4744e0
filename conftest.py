"""What pytest leaves out: compiled kernels, whose files import numba, where the extra `fast` is not there."""

from importlib.util import find_spec

COMPILED = ("compiling", "double", "lane_descents", "lane_flows", "lanes", "single")
collect_ignore = [] if find_spec("numba") else [f"gradflow/kernels/{name}.py" for name in COMPILED]
