"""What a run leaves behind, and the files that hold it."""

from gradflow.trajectory.sketch import Sketch
from gradflow.trajectory.trajectory import Outcome, Trajectory

__all__ = ["Outcome", "Sketch", "Trajectory"]
