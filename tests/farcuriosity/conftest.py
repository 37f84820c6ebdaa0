"""One Ray for the tests of agents, with as many CPUs as those of several processes ask for."""

import pytest

import shared_ray


@pytest.fixture
def local_ray(request):
    shared_ray.provide(request.module, shared_ray.of_four_cpus)
