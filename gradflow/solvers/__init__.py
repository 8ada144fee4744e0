"""Integrators that scipy lacks, most of them matrix-free; ``solve_ivp(method=...)`` takes them too."""

from gradflow.solvers.cvode import CVODE
from gradflow.solvers.krylov_bdf import KrylovBDF
from gradflow.solvers.lsoda import LSODA
from gradflow.solvers.rock2 import ROCK2
from gradflow.solvers.switching import Switching

__all__ = ["CVODE", "LSODA", "ROCK2", "KrylovBDF", "Switching"]
