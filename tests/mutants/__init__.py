"""Small mistakes put into the code one at a time, to see whether the fast tests notice: ``make mutants``."""
