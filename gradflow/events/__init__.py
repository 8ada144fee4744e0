"""What a run watches for: levels of any function, of the sharpness, and jumps of fixed points."""

from gradflow.events.event import Event
from gradflow.events.jumps import fixed_point_jumps, fixed_point_loses_stability
from gradflow.events.sharpness import sharpness_reaches

__all__ = ["Event", "fixed_point_jumps", "fixed_point_loses_stability", "sharpness_reaches"]
