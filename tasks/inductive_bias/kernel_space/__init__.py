"""The kernel space: functions drawn from a Gaussian process posterior that interpolate the training data."""
