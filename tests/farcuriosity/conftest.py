"""One Ray for all tests of the agent."""

import pytest


@pytest.fixture(scope="session")
def local_ray():
    import ray

    started = not ray.is_initialized()
    if started:
        ray.init(num_cpus=2, address="local", include_dashboard=False, log_to_driver=False)
    yield
    if started:
        ray.shutdown()
