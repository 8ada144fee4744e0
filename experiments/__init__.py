"""One script for each question; ``gradflow run NAME`` or ``python -m experiments.NAME``."""
