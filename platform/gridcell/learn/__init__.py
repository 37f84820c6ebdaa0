"""Learning with Lightning: in-memory batches, one fit from its start or last checkpoint, and its parts.

Nothing is re-exported here, so that importing the package alone never imports torch or Lightning.
"""
