"""The optimal transport dataset distance (OTDD) between two labelled feature sets.

Source: Alvarez-Melis and Fusi, "Geometric Dataset Distances via Optimal Transport" (NeurIPS 2020), section 4.
"""

import math
import statistics
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gridcell import UserError
from imagenet_rib.distance.labels import class_gaussians, exact_label_distances, gaussian_label_distances
from imagenet_rib.distance.memory import LIMIT, Solver, check_memory
from imagenet_rib.distance.sets import LabelledFeatures, sample
from imagenet_rib.distance.transport import entropic_transport, exact_transport, squared_distances

Labels = Literal["gaussian", "exact"]


@dataclass(frozen=True)
class DatasetDistance:
    """A distance between two sets, and what it was computed from.

    Attributes:
        distance: mean over the repeats, in the unit of the features.
        deviation: standard deviation of one repeat; None where there is one.
        values: of each repeat.
        used: samples that entered the coupling, of either set.
        available: samples that the sets have.
        label_distances: squared distances of the classes, float64 of shape (K, K'), on the CPU.
        memory: bytes stated before they were allocated.
    """

    distance: float
    deviation: float | None
    values: tuple[float, ...]
    used: tuple[int, int]
    available: tuple[int, int]
    label_distances: Tensor
    memory: int

    @property
    def capped(self) -> bool:
        """Whether samples were left out."""
        return self.used != self.available


def otdd(
    source: LabelledFeatures,
    target: LabelledFeatures,
    *,
    labels: Labels = "gaussian",
    solver: Solver = "exact",
    max_samples: int = 5000,
    max_per_class: int = 500,
    repeats: int = 3,
    seed: int = 0,
    regularisation: float = 0.05,
    memory_limit: int = LIMIT,
    device: str | torch.device = "cpu",
) -> DatasetDistance:
    """Return ``sqrt(min_P sum_ij P_ij (|x_i - x'_j|^2 + W_2^2(alpha_y_i, alpha_y'_j)))``.

    alpha_y is the feature distribution of class y; all samples count alike (paper, equations 4 to 6, p = 2).
    Classes are described by all samples, the coupling by at most ``max_samples`` of either set, drawn anew in
    each repeat: fewer samples of high-dimensional features lie further apart, so only distances of equal
    caps can be compared. Equal sets are drawn alike, which keeps a set at distance 0 from itself.

    With ``solver="sinkhorn"`` the minimum is replaced by the debiased ``OT_e(a, b) - OT_e(a, a) / 2 -
    OT_e(b, b) / 2`` (Feydy et al., "Interpolating between Optimal Transport and MMD", AISTATS 2019, equation
    3), which is 0 for equal sets as the plain regularised cost is not. Below 0, by tolerance, counts as 0.

    Args:
        source: N samples of d features.
        target: N' samples of d features; its labels are of a space of their own.
        labels: distance between classes: "gaussian" (Bures-Wasserstein) or "exact" (optimal transport).
        solver: of the coupling: "exact" (network simplex, on the CPU) or "sinkhorn" (on ``device``).
        max_samples: of either set in the coupling.
        max_per_class: of either class in its "exact" distance.
        repeats: draws; where no set exceeds the cap there is nothing to draw, and one is made.
        seed: of the draws.
        regularisation: e of Sinkhorn as a share of the mean cost.
        memory_limit: bytes.
        device: where costs, Gaussians and Sinkhorn are computed.

    Raises:
        UserError: the sets differ in dimension, a number is out of range, the memory needed exceeds the
            limit, or the solver does not converge.
    """
    _check(source, target, max_samples, max_per_class, repeats, regularisation)
    used = (min(len(source), max_samples), min(len(target), max_samples))
    memory = check_memory(*used, solver, memory_limit)

    def between(one: LabelledFeatures, other: LabelledFeatures) -> Tensor:
        """Return the distances of classes, computed once for all repeats."""
        if labels == "exact":
            return exact_label_distances(one, other, max_per_class=max_per_class, seed=seed).to(device)
        return gaussian_label_distances(class_gaussians(one, device), class_gaussians(other, device))

    across = between(source, target)
    within = (between(source, source), between(target, target)) if solver == "sinkhorn" else None
    drawn = range(1 if used == (len(source), len(target)) else repeats)
    values = []
    for repeat in drawn:
        ours = _Placed.of(source, sample(source, max_samples, seed=seed, repeat=repeat), device)
        theirs = _Placed.of(target, sample(target, max_samples, seed=seed, repeat=repeat), device)
        if within is None:
            squared = exact_transport(_ground_cost(ours, theirs, across))
        else:
            squared = _debiased(ours, theirs, across, within, regularisation)
        values.append(math.sqrt(max(0.0, squared)))
    return DatasetDistance(
        distance=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        values=tuple(values),
        used=used,
        available=(len(source), len(target)),
        label_distances=across.cpu(),
        memory=memory,
    )


def _check(
    source: LabelledFeatures,
    target: LabelledFeatures,
    max_samples: int,
    max_per_class: int,
    repeats: int,
    regularisation: float,
) -> None:
    if source.features.shape[1] != target.features.shape[1]:
        raise UserError(
            f"The features of '{source.name}' have {source.features.shape[1]} dimensions, "
            f"those of '{target.name}' {target.features.shape[1]}: use the same model for both"
        )
    for name, value in (("max_samples", max_samples), ("max_per_class", max_per_class), ("repeats", repeats)):
        if value < 1:
            raise UserError(f"{name} must be at least 1, not {value}")
    if not (regularisation > 0 and math.isfinite(regularisation)):
        raise UserError(f"regularisation must be above 0, not {regularisation}")


@dataclass(frozen=True)
class _Placed:
    """Samples on the device: float64 features (n, d), and positions (n,) among the whole set's classes."""

    features: Tensor
    positions: Tensor

    @classmethod
    def of(cls, whole: LabelledFeatures, drawn: LabelledFeatures, device: str | torch.device) -> "_Placed":
        features = torch.from_numpy(np.asarray(drawn.features, dtype=np.float64))
        positions = torch.from_numpy(np.searchsorted(whole.classes, drawn.labels))
        return cls(features.to(device), positions.to(device))


def _ground_cost(a: _Placed, b: _Placed, label_distances: Tensor) -> Tensor:
    """Return the squared distances of labelled samples, float64, shape (n, m) (paper, equation 4)."""
    cost = squared_distances(a.features, b.features)
    for position in a.positions.unique():  # class by class: no second matrix of this size
        cost[a.positions == position] += label_distances[position, b.positions]
    return cost


def _debiased(
    a: _Placed, b: _Placed, across: Tensor, within: tuple[Tensor, Tensor], regularisation: float
) -> float:
    """Return Sinkhorn's divergence; each cost is freed before the next one is made."""
    cost = _ground_cost(a, b, across)
    strength = max(regularisation * float(cost.mean()), torch.finfo(cost.dtype).tiny)
    value = entropic_transport(cost, strength)
    del cost
    for side, label_distances in zip((a, b), within, strict=True):
        value -= entropic_transport(_ground_cost(side, side, label_distances), strength) / 2
    return value
