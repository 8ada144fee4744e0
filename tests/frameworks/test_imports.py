"""No framework is loaded before it is asked for."""

import subprocess
import sys

PLAIN = """
import sys, gradflow as gf
network = gf.problems.FeedForward([[0.0], [1.0]], [0.0, 1.0], [2])
gf.study(network, network.initial_weights(0), end_time=20.0)
gf.problems.from_torch, gf.problems.from_jax, gf.problems.from_autograd
print(*{"torch", "jax", "flax", "equinox", "autograd", "keras"} & set(sys.modules), end="")
"""


def test_runs_of_gradflows_own_problems_load_no_framework():
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
