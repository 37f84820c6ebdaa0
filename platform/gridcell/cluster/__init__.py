"""Clusters: handing a grid to one as a job, and checking that one can run it."""
