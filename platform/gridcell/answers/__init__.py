"""Answers: what a suite, a store and a selection give, as frames, files and comparisons; without printing."""
