"""The cells: each computes one difficulty and says from what."""
