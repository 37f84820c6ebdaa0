"""Worlds: how maps are made and read, what is seen of them, and the environment that agents move in."""
