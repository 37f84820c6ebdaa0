"""Faults on purpose: a small grid on a cluster of three nodes on this machine, which must come through each.

``gridcell doctor --chaos`` runs them. A fault is one file in ``faults/``, found by itself.
"""
