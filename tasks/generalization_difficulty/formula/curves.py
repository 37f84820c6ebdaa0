"""How a difficulty changes with one ingredient, the others kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from generalization_difficulty.formula.tasks import AnyTask, varied

_NEAR = tuple(10 ** (step / 8) for step in range(-8, 9))  # a tenth of its own value to ten times

GRIDS: Mapping[str, Sequence[float]] = {
    "n": tuple(10**power for power in range(2, 20)),
    "m": tuple(range(2, 101, 2)),
    "classes": (2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000),
    "delta": _NEAR,
    "eps": (*(10.0**power for power in range(-8, -1)), 0.02, 0.05, 0.09, 0.1, 0.2, 0.3, 0.5, 1.0),
}
"""Values that each ingredient takes; delta's are multiples of the task's own."""


def curves_of(task: AnyTask) -> dict[str, dict[str, list[float | None]]]:
    """Return ingredient -> {"x": values, "log2_bits": difficulties}, with the task's own value among them.

    Where a value leaves no difficulty (the data determine the function), it is None.
    """
    own = asdict(task)
    curves: dict[str, dict[str, list[float | None]]] = {}
    for variable, grid in GRIDS.items():
        if variable not in own:
            continue
        values: list[Any] = [own[variable] * x for x in grid] if variable == "delta" else list(grid)
        values = sorted({*values, own[variable]})
        curves[variable] = {"x": values, "log2_bits": varied(task, variable, values)}
    return curves
