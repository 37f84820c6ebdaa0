"""A task and a method of somebody else."""
