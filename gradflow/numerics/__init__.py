"""Numerical linear algebra and differences on plain functions; nothing here knows a problem."""
