"""The optimal transport dataset distance (OTDD) between labelled feature sets, and what it correlates with.

Source: Alvarez-Melis and Fusi, "Geometric Dataset Distances via Optimal Transport" (NeurIPS 2020).
"""
