"""A release: what has to agree before it, what is built, and whether the wheel works alone."""
