"""Data sets as plain arrays: made, shipped with the package or read from files, never downloaded."""

from gradflow.datasets.csv_files import from_csv
from gradflow.datasets.idx import idx_folder
from gradflow.datasets.made import chebyshev, parity, xor
from gradflow.datasets.samples import Samples
from gradflow.datasets.shipped import digits
from gradflow.datasets.sklearn_sets import from_sklearn

__all__ = ["Samples", "chebyshev", "digits", "from_csv", "from_sklearn", "idx_folder", "parity", "xor"]
