"""One flow, several descents beside it, one clock: how far each leaves the flow, a table and a figure."""

from gradflow.studies.result import Study
from gradflow.studies.run import study

__all__ = ["Study", "study"]
