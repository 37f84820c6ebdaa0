"""a: images that a simple reference model gets wrong or nearly so.

ImageNet-A was filtered with a ResNet-50. The reference here is a logistic regression on down-sampled pixels,
fitted to the pre-training images: cheap, and the same everywhere, with no network to download.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.images import LabelledImages, concatenate, select
from gridcell.data.pixels import Floats, move, pose_matrix, shrink, to_float
from gridcell.data.shifts.pieces import AT_ONCE, Pool
from gridcell.data.shifts.registry import Shift, Sources, render, whole_number
from gridcell.errors import UserError

_SIDE = 8
_MARGIN_DECIMALS = 6  # rounding keeps the choice from depending on a machine's last bits


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Keep the ``hard_share`` of each class with the lowest margins, each image in its hardest view.

    Every candidate is seen in ``views`` ways: as it is and, slightly turned, cropped and lit otherwise, as a
    photographer might have taken it. Without that, a small clean pool holds nothing that a model finds hard.
    """
    pretrain = None if sources.pretrain is None else Pool.of(sources.pretrain)
    return concatenate(list(pieces(Pool.of(sources.pool), pretrain, seed, parameters)), name="a")


def pieces(
    pool: Pool, pretrain: Pool | None, seed: int, parameters: Mapping[str, float]
) -> Iterator[LabelledImages]:
    """Yield the images of :func:`make`: all candidates are judged first, those kept are then made again."""
    share, views = _share_and_views(parameters)
    if pretrain is None:
        raise UserError("Shift 'a' needs the images that models are pre-trained on")
    model = _fitted(pretrain.pieces(), pretrain.labels)
    judged = [_hardest(model, piece, views, seed) for piece in pool.pieces()]
    margin, view = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    kept: list[int] = []
    for label in pool.classes:
        members = np.flatnonzero(pool.labels == label)
        in_order = members[np.argsort(margin[members], kind="stable")]
        kept.extend(in_order[: max(1, round(share * len(members)))].tolist())
    kept.sort()
    for start in range(0, len(kept), AT_ONCE):
        positions = np.array(kept[start : start + AT_ONCE])
        yield _seen(replace(pool.read(positions), name="a"), view[positions], seed)


def _hardest(
    model: Any, pool: LabelledImages, views: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the margin of each image in its hardest view, and which view that is; 0 is the image itself."""
    margin = np.round(reference_margins(model, pool), _MARGIN_DECIMALS)
    hardest = np.zeros(len(pool), dtype=np.int64)
    for view in range(1, views):
        margins = np.round(reference_margins(model, _view(pool, view, seed)), _MARGIN_DECIMALS)
        harder = margins < margin
        hardest[harder], margin[harder] = view, margins[harder]
    return margin, hardest


def _view(pool: LabelledImages, view: int, seed: int) -> LabelledImages:
    return render(pool, retake, name=f"a/{view}", seed=seed)


def _seen(images: LabelledImages, views: NDArray[np.int64], seed: int) -> LabelledImages:
    """Return each image in the view that is its own."""
    pixels = images.images.copy()
    for view in np.unique(views[views > 0]).tolist():
        chosen = np.flatnonzero(views == view)
        pixels[chosen] = _view(select(images, chosen), view, seed).images
    return replace(images, images=pixels)


def _share_and_views(parameters: Mapping[str, float]) -> tuple[float, int]:
    share = parameters["hard_share"]
    if not 0 < share <= 1:
        raise UserError(f"hard_share must be above 0 and at most 1, not {share}")
    return share, whole_number(parameters, "views", least=1)


def retake(image: Floats, rng: np.random.Generator) -> Floats:
    """Take the picture again: turned by up to 14 degrees, moved, cropped, in other light."""
    side = min(image.shape[:2])
    turn, slant = math.radians(float(rng.uniform(-14, 14))), float(rng.uniform(-0.15, 0.15))
    pose = pose_matrix(turn, float(rng.uniform(0.85, 1.2)), slant)
    moved = move(image, pose, rng.uniform(-0.08, 0.08, 2) * side)
    return moved ** np.float32(rng.uniform(0.7, 1.4)) * np.float32(rng.uniform(0.75, 1))


def fit_reference(train: LabelledImages) -> Any:
    """Return scikit-learn's logistic regression, fitted to down-sampled pixels of ``train``."""
    return _fitted([train], train.labels)


def _fitted(pieces: Iterable[LabelledImages], labels: NDArray[np.int64]) -> Any:
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([_features(piece) for piece in pieces])
    return LogisticRegression(max_iter=500).fit(features, labels)


def reference_margins(model: Any, test: LabelledImages) -> NDArray[np.float64]:
    """Return how clearly the reference sees the right class: p(true) - max p(other), per image.

    Args:
        model: What :func:`fit_reference` returned, fitted to all classes of ``test``.
        test: N images to judge.

    Returns:
        float64, shape (N,), in [-1, 1]; negative where the model is wrong.
    """
    chance = model.predict_proba(_features(test))
    column = np.searchsorted(model.classes_, test.labels)
    rows = np.arange(len(test))
    right = chance[rows, column]
    chance[rows, column] = -np.inf
    return np.asarray(right - chance.max(axis=1), dtype=np.float64)


def _features(labelled: LabelledImages) -> NDArray[np.float64]:
    images = labelled.images
    parts = [images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE)]
    small = [shrink(to_float(part), _SIDE, _SIDE).reshape(len(part), -1) for part in parts]
    return np.concatenate(small).astype(np.float64)


SHIFT = Shift(
    "a",
    "images that a reference model gets wrong or nearly so",
    "fresh",
    make,
    order=1,
    share=0.44,
    subset=True,
    parameters={"hard_share": 0.4, "views": 6},
    least=2,
    validate=_share_and_views,
    pretrain=True,
    pieces=pieces,
)
