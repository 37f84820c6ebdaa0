"""Curiosity agents, with fragmentation and recall."""
