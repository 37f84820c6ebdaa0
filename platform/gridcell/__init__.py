"""gridcell: run whole grids of experiments and read the answer off one report."""

__version__ = "0.1.0"
