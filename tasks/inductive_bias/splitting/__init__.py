"""Subset simulation: the probability of a small error, level by level, without a model of its tail."""
