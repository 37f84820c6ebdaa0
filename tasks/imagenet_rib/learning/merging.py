"""Merges of finished weights: straight lines between two, and averages of several."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gridcell import UserError

StateDict = Mapping[str, Tensor]


def interpolate(a: StateDict, b: StateDict, alpha: float) -> dict[str, Tensor]:
    """Return ``(1 - alpha) * a + alpha * b``, exactly ``a`` at 0 and exactly ``b`` at 1.

    Wortsman et al. 2022 (WiSE-FT), equation 1. Floating-point buffers, such as the statistics of batch
    normalisation, are interpolated as weights are; integer ones (counters) are taken from ``b``, and from
    ``a`` at ``alpha = 0``.

    Args:
        a: Weights at 0, the pre-trained ones.
        b: Weights at 1, the fine-tuned ones, of the same names, shapes and types.
        alpha: Position on the line; in [0, 1] between the two.

    Returns:
        New tensors of the inputs' types.

    Raises:
        UserError: If the two differ in a name or a shape.
    """
    _check_alike([a, b])
    if alpha in (0, 1):
        return {name: tensor.clone() for name, tensor in (b if alpha else a).items()}
    return _weighted([a, b], [1.0 - alpha, alpha])


def average(ingredients: Sequence[StateDict]) -> dict[str, Tensor]:
    """Return the uniform average of several sets of weights.

    Wortsman et al. 2022 (model soups), the uniform soup. Floating-point buffers are averaged too; integer
    ones are taken from the last ingredient.

    Args:
        ingredients: At least one set of weights, all of the same names, shapes and types.

    Returns:
        New tensors of the inputs' types.

    Raises:
        UserError: If there is no ingredient, or two of them differ in a name or a shape.
    """
    if not ingredients:
        raise UserError("A soup needs at least one ingredient.")
    _check_alike(ingredients)
    return _weighted(ingredients, [1.0 / len(ingredients)] * len(ingredients))


def model_stock(anchor: StateDict, tuned: Sequence[StateDict]) -> dict[str, Tensor]:
    """Return ``t * mean(tuned) + (1 - t) * anchor`` with a share t for each tensor.

    Jang, Yun and Han 2024 (Model Stock): ``t = N c / (1 + (N - 1) c)``, with c the cosine of the angle at the
    anchor between two fine-tuned tensors, here its mean over all pairs. Where they disagree (c <= 0) t is 0
    and the anchor stays; so it does where nothing moved. Integer tensors are the last ingredient's.

    Args:
        anchor: The pre-trained weights.
        tuned: N sets of fine-tuned weights, at least two, of the same names, shapes and types.

    Returns:
        New tensors of the inputs' types.

    Raises:
        UserError: If there are fewer than two, or some differ in a name or a shape.
    """
    if len(tuned) < 2:
        raise UserError("A model stock needs at least two sets of fine-tuned weights.")
    _check_alike([anchor, *tuned])
    merged = {}
    for name, start in anchor.items():
        if not start.is_floating_point():
            merged[name] = tuned[-1][name].clone()
            continue
        base = start.double()
        moved = torch.stack([one[name].to(base.device).double().flatten() for one in tuned]) - base.flatten()
        share = _stock_share(moved)
        merged[name] = (base + share * moved.mean(0).view_as(base)).to(start.dtype)
    return merged


def _stock_share(moved: Tensor) -> float:
    """Return t for N movements away from the anchor, shape ``(N, D)``."""
    count = len(moved)
    lengths = moved.norm(dim=1)
    if float(lengths.min()) == 0:
        return 0.0 if float(lengths.max()) > 0 else 1.0  # a movement of no length agrees with no other
    directions = moved / lengths[:, None]
    cosines = directions @ directions.T
    mean = float((cosines.sum() - cosines.diagonal().sum()) / (count * (count - 1)))
    return max(0.0, count * mean / (1 + (count - 1) * mean)) if mean > 0 else 0.0


def _weighted(ingredients: Sequence[StateDict], shares: Sequence[float]) -> dict[str, Tensor]:
    merged = {}
    for name, last in ingredients[-1].items():
        if not last.is_floating_point():
            merged[name] = last.clone()
            continue
        # Summed in double precision, so that equal ingredients give themselves back.
        total = torch.zeros_like(last, dtype=torch.float64)
        for weights, share in zip(ingredients, shares, strict=True):
            total.add_(weights[name].to(last.device, torch.float64), alpha=share)
        merged[name] = total.to(last.dtype)
    return merged


def _check_alike(ingredients: Sequence[StateDict]) -> None:
    first = ingredients[0]
    for other in ingredients[1:]:
        for name in (*first, *other):
            if name not in first or name not in other:
                raise UserError(f"Weights can't be merged: '{name}' is missing in some of them.")
            if first[name].shape != other[name].shape:
                shapes = f"{tuple(first[name].shape)} and {tuple(other[name].shape)}"
                raise UserError(f"Weights can't be merged: '{name}' has the shapes {shapes}.")
