"""The measure itself: bits from a task's ingredients, in log space."""
