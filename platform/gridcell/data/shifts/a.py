"""a: images that a simple reference model gets wrong or nearly so, as ImageNet-A was filtered with a ResNet-50.

The reference is a logistic regression on down-sampled pixels, fitted to the pre-training images: cheap, and the
same everywhere, with no network to download.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gridcell.data.images import LabelledImages, select
from gridcell.data.pixels import shrink, to_float
from gridcell.data.shifts.registry import Shift, Sources
from gridcell.errors import UserError

_SIDE = 8
_MARGIN_DECIMALS = 6  # rounding keeps the choice from depending on a machine's last bits


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Keep the ``hard_share`` of each class with the lowest margins, in the pool's order."""
    del seed
    share = parameters["hard_share"]
    if not 0 < share <= 1:
        raise UserError(f"hard_share must be above 0 and at most 1, not {share}")
    pool = sources.pool
    margin = np.round(reference_margins(sources.pretrain, pool), _MARGIN_DECIMALS)
    kept: list[int] = []
    for label in pool.classes:
        members = np.flatnonzero(pool.labels == label)
        hardest = members[np.argsort(margin[members], kind="stable")]
        kept.extend(hardest[: max(1, round(share * len(members)))].tolist())
    return select(pool, sorted(kept), name="a")


def reference_margins(train: LabelledImages, test: LabelledImages) -> NDArray[np.float64]:
    """Return how clearly a logistic regression sees the right class: p(true) - max p(other), per test image.

    Args:
        train: Images to fit; must have every class of ``test``.
        test: Images to judge, N of them.

    Returns:
        float64, shape (N,), in [-1, 1]; negative where the model is wrong.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=500)
    model.fit(_features(train), train.labels)
    chance = model.predict_proba(_features(test))
    column = np.searchsorted(model.classes_, test.labels)
    rows = np.arange(len(test))
    right = chance[rows, column]
    chance[rows, column] = -np.inf
    return np.asarray(right - chance.max(axis=1), dtype=np.float64)


def _features(labelled: LabelledImages) -> NDArray[np.float64]:
    small = shrink(to_float(labelled.images), _SIDE, _SIDE)
    return small.reshape(len(labelled), -1).astype(np.float64)


SHIFT = Shift("a", "fresh", make, order=1, share=0.38, subset=True, parameters={"hard_share": 0.5}, least=2)
