"""The registry of methods: every file of this folder, every entry point, and the user's own files.

A method is a :class:`~imagenet_rib.method.FineTuning` or a :class:`~imagenet_rib.method.Merging` that a
module calls ``method``. Another distribution adds one by an entry point of the group
``gridcell.imagenet_rib.methods``.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from gridcell import Registry, UserError, by_name, order_by_needs, plugins, unknown
from imagenet_rib.method import FineTuning, Merging, Method

ENTRY_POINTS = "gridcell.imagenet_rib.methods"

registry: Registry[Method] = Registry(
    __name__, "method", "method", kinds=(FineTuning, Merging), group=ENTRY_POINTS
)
RESERVED = frozenset({"kind", "training", "from"})
"""Keys of an entry in a suite's ``methods`` that are not parameters of the method."""


def available() -> dict[str, Method]:
    """Return all methods by name, in alphabetical order.

    Raises:
        UserError: If two methods share a name, a plug-in gives something else, a method needs one that does
            not exist or has a parameter of a reserved name, or methods need each other in a circle.
    """
    return dict(_collected(tuple(registry.all.values())))


@lru_cache(maxsize=8)
def _collected(methods: tuple[Method, ...]) -> Mapping[str, Method]:
    """Check methods once: a grid is planned with thousands of looks at them."""
    return collect(methods)


def get(name: str) -> Method:
    """Return the method of that name.

    Raises:
        UserError: If there is none; names the nearest.
    """
    methods = available()
    if name not in methods:
        raise unknown("method", name, methods, plugins.hint())
    return methods[name]


def collect(methods: Iterable[Method]) -> dict[str, Method]:
    """Index methods by name, making sure that they fit together.

    Args:
        methods: The methods, in any order.

    Returns:
        The methods by name, in alphabetical order.

    Raises:
        UserError: As :func:`available`.
    """
    found = by_name(methods, "method")
    for name, method in found.items():
        if taken := sorted(RESERVED.intersection(method.parameters.model_fields)):
            raise UserError(
                f"Method '{name}' has a parameter '{taken[0]}', a word that suites use themselves"
            )
    order({name: method.needs(method.parameters()) for name, method in found.items()})
    return found


def order(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the methods in an order in which each comes after those it needs.

    Args:
        needs: For each method the names of those whose weights it takes.

    Raises:
        UserError: If one needs a method that is not there, or some need each other in a circle.
    """
    for name, wanted in needs.items():
        for other in wanted:
            if other not in needs:
                raise unknown(f"method needed by '{name}':", other, needs)
    return tuple(order_by_needs(needs, "methods"))
