"""A finished model, written for other programs."""
