"""What a kind of data set is, as suites name it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gridcell import Strict

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Parameters(Strict):
    """Settings of a data set: typed, frozen, none beyond those declared. Every setting has a default.

    Attributes:
        eps: target error.
    """

    eps: float = Field(0.01, gt=0)

    if TYPE_CHECKING:
        source: str  # the data set's name: suites give it, and gridcell.OneOf adds it


@dataclass(frozen=True)
class DatasetKind:
    """Data that are made or read: one file, of ``data.sets`` or of the user's own, as ``dataset``.

    Attributes:
        name: in suites, under ``source``.
        make: called as ``make(seed=..., **parameters)`` with all parameters but ``eps``; returns points,
            real numbers (n, ...), and labels, whole numbers (n,). uint8 is scaled from 0..255 to [0, 1].
        parameters: settings, each with a default.
        version: of what it makes. Raise it where that changes: measurements of before stay apart.
        true_dimension: the setting that says the dimension of the data, shown beside the estimate; empty
            where there is none.

    Example:
        >>> DatasetKind("mine", make=lambda seed: ([[0.0], [1.0]], [0, 1])).version
        1
    """

    name: str
    make: "Callable[..., tuple[NDArray[Any], NDArray[Any]]]"
    parameters: type[Parameters] = Parameters
    version: int = 1
    true_dimension: str = ""
