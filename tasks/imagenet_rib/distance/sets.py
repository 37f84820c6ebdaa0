"""Labelled feature sets: checked once, and sub-sampled so that a set compared with itself stays itself."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """The features of a data set's samples, with the class of each.

    Attributes:
        name: what error messages call the set.
        features: floating point, shape (N, d), finite.
        labels: integers, shape (N,), any values.

    Raises:
        UserError: the arrays don't fit each other, there is no sample, or a feature is not finite.
    """

    name: str
    features: NDArray[np.floating]
    labels: NDArray[np.integer]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.dtype.kind != "f" or not self.features.shape[1]:
            raise UserError(
                f"The features of '{self.name}' must be floats of shape (samples, dimensions), "
                f"not {self.features.dtype} of shape {self.features.shape}"
            )
        if self.labels.shape != (len(self.features),) or self.labels.dtype.kind not in "iu":
            raise UserError(
                f"The labels of '{self.name}' must be {len(self.features)} integers, "
                f"not {self.labels.dtype} of shape {self.labels.shape}"
            )
        if not len(self.features):
            raise UserError(f"The set '{self.name}' has no samples")
        finite = np.isfinite(self.features).all(axis=1)
        if not finite.all():
            raise UserError(
                f"The features of '{self.name}' are not finite in {np.count_nonzero(~finite)} of "
                f"{len(finite)} samples, the first of them sample {np.argmin(finite)}"
            )

    def __len__(self) -> int:
        return len(self.features)

    @property
    def classes(self) -> NDArray[np.integer]:
        """The labels that occur, ascending, shape (K,)."""
        return np.unique(self.labels)

    def take(self, indices: NDArray[np.integer]) -> "LabelledFeatures":
        """Return the samples at ``indices``, int64 of shape (M,), in that order."""
        return LabelledFeatures(self.name, self.features[indices], self.labels[indices])


def sample(labelled: LabelledFeatures, size: int, *, seed: int, repeat: int = 0) -> LabelledFeatures:
    """Draw samples uniformly without replacement, the same ones from equal sets in whatever order.

    Each sample gets a random priority that is a hash of its content, seed and repeat, and those of lowest
    priority are kept (coordinated, or bottom-k, sampling: Cohen and Kaplan, "Summarizing Data using Bottom-k
    Sketches", PODC 2007). Independent draws would put a set at a distance from itself that is nothing but
    sampling noise; here what two sets share is drawn from both or, but for the cap's edge, from neither.

    Args:
        labelled: what to draw from; returned as it is if it has no more than ``size`` samples.
        size: how many samples, at least 1.
        seed: of the draw.
        repeat: tells draws of one seed apart.
    """
    if len(labelled) <= size:
        return labelled
    key = f"{seed}/{repeat}".encode()
    # Adding zero makes -0.0 and 0.0, which are equal, equal bytes.
    rows = np.ascontiguousarray(labelled.features, dtype=np.float64) + 0.0
    labels = labelled.labels.astype(np.int64)
    copies: dict[bytes, int] = {}
    priorities = []
    for row, label in zip(rows, labels, strict=True):
        content = hashlib.blake2b(row.tobytes() + label.tobytes(), digest_size=16).digest()
        copy = copies[content] = copies.get(content, -1) + 1  # equal samples are drawn one by one
        priorities.append(hashlib.blake2b(content + copy.to_bytes(8, "big"), key=key[:64]).digest())
    order = sorted(range(len(priorities)), key=priorities.__getitem__)
    return labelled.take(np.sort(np.array(order[:size])))
