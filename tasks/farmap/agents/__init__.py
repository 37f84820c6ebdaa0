"""Agents: what they see goes in by ``observe``, what they do comes out by ``act``."""
