"""Environments of the agents."""
