"""Settings of all tests."""

from hypothesis import settings

# Machines differ in speed and are shared: no test may fail because it was slow.
settings.register_profile("gridcell", deadline=None)
settings.load_profile("gridcell")
