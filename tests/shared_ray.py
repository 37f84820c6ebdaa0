"""One Ray for the modules of tests that follow one another: to start it takes longer than most of them run.

It stays until a test of another module comes that does not ask for it, since that one may start its own.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

TESTS = [pytest.mark.slow, pytest.mark.xdist_group("one-ray")]
"""Marks of tests that run grids on the Ray of their group."""

RAY_AT_NIGHT = pytest.mark.parametrize(
    "executor", ["inline", pytest.param("ray", marks=[*TESTS, pytest.mark.long])], indirect=True
)
"""Of a test with the fixture ``executor``: on Ray it runs every night only."""

_session = contextlib.ExitStack()
_kind: tuple[Any, ...] = ()
_module: Any = None


def provide(
    module: Any, start: Callable[..., contextlib.AbstractContextManager[Any]], *arguments: Any
) -> None:
    """Have ``start(*arguments)`` entered, for the tests of a module; end another that is there."""
    global _kind, _module
    _module = module
    if _kind != (start, *arguments):
        end()
        _session.enter_context(start(*arguments))
        _kind = (start, *arguments)


def end() -> None:
    """End it, if it is there."""
    global _kind
    _kind = ()
    _session.close()


def end_before(module: Any, fixtures: list[str], asking: set[str]) -> None:
    """End it before a test that does not ask for it by a fixture, nor shares a module with one that does."""
    if _kind and module is not _module and not asking.intersection(fixtures):
        end()


@contextlib.contextmanager
def of_four_cpus() -> Iterator[None]:
    """Start a plain Ray."""
    import ray

    ray.init(num_cpus=4, address="local", include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
