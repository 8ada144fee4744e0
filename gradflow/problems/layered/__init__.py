"""Feed-forward networks: y_n = f(x_n), x_{n+1} = W_n y_n + b_n."""

from gradflow.problems.layered.network import FeedForward

__all__ = [
    "FeedForward",
]
