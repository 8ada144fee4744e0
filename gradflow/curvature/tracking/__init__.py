"""Leading eigenvalues along a path, each continued from the last."""
