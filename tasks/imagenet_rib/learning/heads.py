"""A new last layer for classes that a pre-trained model doesn't know: fitted, or zero-shot."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gridcell import UserError
from imagenet_rib.learning.models import head_parameters

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Weights of the data against the L2 penalty among which cross-validation chooses."""

FOLDS = 5
CHOSEN_ON = 10_000
"""Images that cross-validation looks at, at most; the fit itself looks at all."""

STEPS = 1000
"""Of L-BFGS, at most."""

_TOLERANCE = 1e-3  # of logits, relative to their size: features and head must give what the model gives


@dataclass(frozen=True)
class Head:
    """A linear classifier on a model's features.

    Attributes:
        weight: float32, shape ``(C, d)``.
        bias: float32, shape ``(C,)``.
        strength: The weight of the data that was chosen, relative to the L2 penalty; None where none was.
        accuracy: Share of the images fitted to that are right, in [0, 1]; None where none were.
        converged: Whether the fit reached its optimum; None where nothing was fitted.
    """

    weight: Tensor
    bias: Tensor
    strength: float | None = None
    accuracy: float | None = None
    converged: bool | None = None


def fitted_head(features: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> Head:
    """Fit a linear probe: multinomial logistic regression on a frozen model's features.

    As Radford et al. 2021 (section 3.2 and appendix A.3) probe representations: L-BFGS, with the strength
    of the L2 penalty chosen by cross-validation, here by the likelihood of held-out labels in up to five
    parts of the images. Features are centred and brought to a mean square of 1 first, and the head is
    given for the features as they were. The fit ends at its optimum, or after ``STEPS`` steps; the head says
    which.

    Args:
        features: Shape ``(N, d)``.
        labels: Shape ``(N,)``, of all classes ``0 .. classes - 1``.
        classes: C, at least 2.

    Raises:
        UserError: A class has no image, or a feature isn't finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(60) % 3
        >>> points = (np.eye(3)[labels] + 0.1 * rng.standard_normal((60, 3))).astype(np.float32)
        >>> fitted_head(points, labels, 3).accuracy
        1.0
    """
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(labels, minlength=classes)
    if not np.isfinite(features).all():
        raise UserError("A head can't be fitted: the model's features aren't finite")
    if (counts[:classes] == 0).any():
        raise UserError(f"A head can't be fitted: {int((counts == 0).sum())} classes have no image")
    centre = features.mean(0, dtype=np.float64)
    scale = float(np.sqrt(np.mean((features - centre) ** 2, dtype=np.float64))) or 1.0
    points = (features - centre) / scale
    strength = _chosen_strength(points, labels, classes, int(counts.min()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")  # 'converged' tells it
        fit = LogisticRegression(C=strength, max_iter=STEPS, tol=1e-5).fit(points, labels)
    weight, bias = fit.coef_, fit.intercept_
    if classes == 2:  # scikit-learn keeps the second class's row alone
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.stack([-bias[0], bias[0]]) / 2
    weight = weight / scale
    bias = bias - weight @ centre
    right = float((fit.predict(points) == labels).mean())
    return Head(
        torch.from_numpy(weight).float(),
        torch.from_numpy(bias).float(),
        strength,
        right,
        converged=bool((fit.n_iter_ < STEPS).all()),
    )


def _chosen_strength(
    points: NDArray[np.float64], labels: NDArray[np.int64], classes: int, fewest: int
) -> float:
    """Choose by the mean log-likelihood of held-out labels; 1 where a class has a single image."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    if fewest < 2:
        return 1.0
    drawn = balanced(labels, max(2 * classes, CHOSEN_ON))
    points, labels = points[drawn], labels[drawn]
    folds = min(FOLDS, int(np.bincount(labels, minlength=classes).min()))
    scores = np.zeros(len(STRENGTHS))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(points, labels):
        fit = LogisticRegression(max_iter=300, tol=1e-4, warm_start=True)
        for number, strength in enumerate(STRENGTHS):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="lbfgs failed to converge")  # only compared
                fit.set_params(C=strength).fit(points[train], labels[train])
            scores[number] += fit.predict_log_proba(points[test])[np.arange(len(test)), labels[test]].sum()
    return STRENGTHS[int(scores.argmax())]


def balanced(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many positions, the classes taking turns, in a fixed random order."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.random.default_rng(0).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[order] == label)
        turn[members] = np.arange(len(members))
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def with_head(model: nn.Module, weights: Mapping[str, Tensor], head: Head) -> dict[str, Tensor]:
    """Return a model's weights: those given of all but the last layer, and a new last layer.

    Args:
        model: Of the new number of classes; its own weights don't count.
        weights: Of the same architecture, whatever its last layer.
        head: The new last layer. A layer without a bias, as some models have, takes it into no account, so
            one is refused.

    Raises:
        UserError: The model has no linear last layer, or ``weights`` lack one of the others.
    """
    own = dict(model.state_dict())
    last = head_parameters(model)
    lacking = [name for name in own if name not in last and name not in weights]
    if lacking:
        raise UserError(f"The weights lack {len(lacking)} tensors of the model, first '{lacking[0]}'")
    if not any(name.endswith("bias") for name in last) and bool(head.bias.any()):
        raise UserError("The model's last layer has no bias, so no new one can be fitted")
    for name, tensor in own.items():
        if name not in last:
            own[name] = weights[name]
        elif name.endswith("weight"):
            own[name] = head.weight.reshape(tensor.shape)
        else:
            own[name] = head.bias.reshape(tensor.shape)
    return own


def check_linear(logits: Tensor, features: NDArray[np.float32], head: Head) -> None:
    """Make sure that a model answers by its new head: that its last layer is linear in its features.

    Args:
        logits: What the model with the new head says of some images, shape ``(N, C)``.
        features: Of the same images, shape ``(N, d)``.
        head: The new head.

    Raises:
        UserError: The logits are others than the head's.
    """
    expected = torch.from_numpy(features).double() @ head.weight.double().T + head.bias.double()
    error = (logits.double() - expected).abs().max() / expected.abs().max().clamp(min=1e-6)
    if not error <= _TOLERANCE:
        raise UserError(
            "The model's last layer isn't linear in what timm calls its features, so no new head can be "
            f"fitted (its answers differ by {float(error):.1%})"
        )
