"""One Ray for a module's tests, ended with them: other tests start theirs in the same process."""

import pytest


@pytest.fixture(scope="module")
def local_ray():
    import ray

    started = not ray.is_initialized()
    if started:
        ray.init(num_cpus=4, address="local", include_dashboard=False, log_to_driver=False)
    yield
    if started:
        ray.shutdown()
