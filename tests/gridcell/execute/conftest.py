"""One Ray for all runs of a module: its start and end take longer than most of these grids."""

import contextlib
from unittest import mock

import pytest

from gridcell.execute.cluster import ray_cluster

ON_RAY = [pytest.mark.slow, pytest.mark.xdist_group("one-ray")]


@pytest.fixture(scope="module")
def one_ray(request):
    """A Ray with as many CPUs as the module says (``CPUS``), on which its runs go one after another."""

    @contextlib.contextmanager
    def there(address, num_cpus):
        assert (address, num_cpus) == (None, request.module.CPUS)
        yield

    with (
        ray_cluster(None, request.module.CPUS),
        mock.patch("gridcell.execute.tune.ray_cluster", there),
    ):
        yield


@pytest.fixture(params=["inline", pytest.param("ray", marks=ON_RAY)])
def executor(request):
    """Each executor in turn."""
    if request.param == "ray":
        request.getfixturevalue("one_ray")
    return request.param
