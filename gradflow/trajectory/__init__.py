"""What a run leaves behind, and the files that hold it."""

from gradflow.trajectory.crossings import Crossings
from gradflow.trajectory.joining import joined
from gradflow.trajectory.origin import Origin
from gradflow.trajectory.outcome import Outcome
from gradflow.trajectory.sketch import Sketch
from gradflow.trajectory.trajectory import Trajectory

__all__ = ["Crossings", "Origin", "Outcome", "Sketch", "Trajectory", "joined"]
