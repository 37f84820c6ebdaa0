"""``sphere`` and ``linear``: points of a manifold of known dimension, drawn anew for each seed."""

from pydantic import Field

from generalization_difficulty.data.kind import DatasetKind, Parameters
from generalization_difficulty.data.synthetic import linear, sphere


class Manifold(Parameters):
    """Points of a manifold of known dimension, drawn anew for each seed.

    Attributes:
        dimension: of the manifold.
        ambient: numbers per point.
        n: points.
    """

    dimension: int = Field(2, ge=1)
    ambient: int = Field(40, ge=1)
    n: int = Field(3_000, ge=1)


dataset = (
    DatasetKind("sphere", sphere, Manifold, true_dimension="dimension"),
    DatasetKind("linear", linear, Manifold, true_dimension="dimension"),
)
