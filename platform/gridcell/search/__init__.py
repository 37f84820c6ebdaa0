"""Searches: grids that grow. A trial is ordinary cells, and the store remembers what was tried."""
