"""Losses written with other libraries, as problems; none of these is imported before it is asked for."""
