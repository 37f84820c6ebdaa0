"""What cells do."""
