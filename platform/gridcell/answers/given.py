"""Arguments as a notebook has them: NumPy's numbers and arrays, ranges and paths, as plain values."""

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from typing import Any

from gridcell.errors import UserError


def plain(value: Any) -> Any:
    """Return a value with Python's own numbers, lists and text in the place of what means the same.

    Example:
        >>> import numpy as np
        >>> plain({"queries": np.int64(1000), "rates": np.array([0.5, 1.0]), "seed": range(2)})
        {'queries': 1000, 'rates': [0.5, 1.0], 'seed': [0, 1]}
    """
    if hasattr(value, "tolist"):  # NumPy's, pandas' and torch's; none of them is imported for that
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(each) for each in value]
    return fspath(value) if isinstance(value, PathLike) else value


def count_of_seeds(seeds: Any) -> int | None:
    """Return how many seeds are asked for; None where the suite's own are.

    Raises:
        UserError: it is no whole number.

    Example:
        >>> import numpy as np
        >>> count_of_seeds(np.int64(3))
        3
    """
    count = plain(seeds)
    if isinstance(count, bool) or not isinstance(count, int | None):
        raise UserError(
            f"'seeds' must be a whole number, such as 3 for the seeds 0, 1 and 2, and not {seeds!r}: certain "
            "seeds are a setting, settings={'seeds': [1, 2]}"
        )
    return count


def paths_of(plugins: Any) -> list[str]:
    """Return the paths of plug-ins: of one, or of several.

    Raises:
        UserError: it is neither.

    Example:
        >>> paths_of("mine.py"), paths_of(["mine.py", "yours.py"]), paths_of(None)
        (['mine.py'], ['mine.py', 'yours.py'], [])
    """
    told = plain(plugins)
    several: Any = [] if told is None else [told] if isinstance(told, str) else told
    paths: list[Any] = [plain(each) for each in several] if _is_several(several) else [several]
    if not all(isinstance(path, str) for path in paths):
        raise UserError(
            f"'plugins' must be the path of a Python file, or a list of such paths, and not {plugins!r}"
        )
    return paths


def labels_of(key: Any, given: Any) -> list[str]:
    """Return the values of a label that are selected, as text.

    Raises:
        UserError: there is none, or one is neither text nor a number.

    Example:
        >>> import numpy as np
        >>> labels_of("seed", np.arange(2)), labels_of("method", "ft")
        (['0', '1'], ['ft'])
    """
    told = plain(given)
    values = [plain(each) for each in told] if _is_several(told) else [told]
    if not values:
        raise UserError(f"The selection of '{key}' is empty: name a value, or leave '{key}' out")
    if not all(isinstance(value, str | int | float | None) for value in values):
        raise UserError(
            f"The selection of '{key}' must be text or a number, or a list of these, and not {given!r}"
        )
    return [str(value) for value in values]


def pairs_of(what: str, given: Any) -> list[str]:
    """Return ``"key=value"`` as on the command line, of one or of several.

    Args:
        what: is given.
        given: no mapping.

    Raises:
        UserError: it is something else.

    Example:
        >>> pairs_of("select", "method=ft"), pairs_of("settings", ["seeds=[1]"]), pairs_of("select", None)
        (['method=ft'], ['seeds=[1]'], [])
    """
    told = plain(given)
    several: Any = [] if told is None else [told] if isinstance(told, str) else told
    pairs: list[Any] = list(several) if _is_several(several) else [several]
    if not all(isinstance(pair, str) for pair in pairs):
        raise UserError(
            f"'{what}' must be a dict, or text such as 'key=value' or a list of it, not {given!r}"
        )
    return pairs


def _is_several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | Mapping)
