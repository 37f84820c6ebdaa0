"""The losses of the regularised methods, as pure functions, and as closures over their constants."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gridcell.learn import Placed, device_of, own_part, sum_of_parts
from imagenet_rib.learning.masking import positions, restrict

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def subset_cross_entropy(logits: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
    """Return the mean cross-entropy over the classes of a subset.

    Args:
        logits: Scores of all classes, shape ``(N, C)``.
        labels: Global classes, members of the subset, int64 of shape ``(N,)``.
        classes: The subset, sorted, int64 of shape ``(K,)``.

    Returns:
        A scalar, in nats.
    """
    return F.cross_entropy(restrict(logits, classes), positions(labels, classes))


def distillation(
    logits: Tensor, teacher_logits: Tensor, *, alpha: float = 1.0, temperature: float = 2.0
) -> Tensor:
    """Return ``alpha * KL(softmax(z_pre / T) || softmax(z / T))``, the mean over the batch.

    Li and Hoiem 2017 (Learning without Forgetting), equation 2, in the form the ImageNet-RIB benchmark
    uses: without a factor of T squared. Restrict both to the class subset first.

    Args:
        logits: Scores z of the model that trains, shape ``(N, K)``.
        teacher_logits: Scores z_pre of the pre-trained model, shape ``(N, K)``.
        alpha: Weight of the term.
        temperature: T, above 0.

    Returns:
        A scalar, in nats.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    return alpha * F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def quadratic_penalty(
    parameters: Sequence[Tensor],
    anchor: Sequence[Tensor],
    weights: Sequence[Tensor] | None,
    strength: float,
) -> Tensor:
    """Return ``strength * sum_k F_k (theta_k - theta_k^pre)^2``.

    Kirkpatrick et al. 2017 (elastic weight consolidation), equation 3, with the strength standing for
    half of their lambda; with unit weights the L2-SP penalty of Li et al. 2018, equation 2.

    Args:
        parameters: The tensors theta, floating point of any shapes.
        anchor: The tensors theta^pre, shaped as the parameters; no gradient reaches them.
        weights: The tensors F, shaped as the parameters, or ``None`` for F = 1.
        strength: Weight of the term, at least 0.

    Returns:
        A scalar, differentiable once with respect to the parameters.

    Raises:
        ValueError: If the lists differ in length.
    """
    if len(parameters) != len(anchor) or (weights is not None and len(weights) != len(anchor)):
        raise ValueError("Each parameter needs one anchor, and one weight if there are any")
    if not parameters:
        return torch.zeros(())
    result: Tensor = _QuadraticPenalty.apply(strength, anchor, weights, *parameters)
    return result


class _QuadraticPenalty(torch.autograd.Function):
    """The penalty with its gradient written out: three sweeps over the parameters instead of eight."""

    @staticmethod
    def forward(
        ctx: Any, strength: float, anchor: Sequence[Tensor], weights: Sequence[Tensor] | None, *theta: Tensor
    ) -> Tensor:
        distance = torch._foreach_sub(list(theta), list(anchor))
        pull = distance if weights is None else torch._foreach_mul(distance, list(weights))
        ctx.pull, ctx.strength = pull, strength
        terms = [_inner(a, b) for a, b in zip(pull, distance, strict=True)]
        return strength * torch.stack(terms).sum()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        gradients = torch._foreach_mul(ctx.pull, 2.0 * ctx.strength)
        torch._foreach_mul_(gradients, upstream[0])
        return (None, None, None, *gradients)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of products of two tensors, as one dot product where both lie alike in memory."""
    packed = a.is_contiguous() or a.is_contiguous(memory_format=torch.channels_last)
    if not packed or a.stride() != b.stride():
        return (a * b).sum()
    return torch.dot(a.as_strided((a.numel(),), (1,)), b.as_strided((b.numel(),), (1,)))


def cross_entropy_loss(classes: Tensor) -> Loss:
    """Build the loss of plain fine-tuning: :func:`subset_cross_entropy` of the model's logits."""
    placed = Placed(classes)

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        logits = model(images)
        (subset,) = placed.on(logits.device)
        return subset_cross_entropy(logits, labels, subset)

    return loss


def penalised_loss(
    classes: Tensor,
    reference: Mapping[str, Tensor],
    importance: Mapping[str, Tensor] | None,
    strength: float,
) -> Loss:
    """Build the loss of plain fine-tuning plus :func:`quadratic_penalty`.

    Args:
        classes: The class subset.
        reference: Pre-trained weights by parameter name.
        importance: F by parameter name, or ``None`` for F = 1.
        strength: Weight of the penalty.
    """
    likelihood = cross_entropy_loss(classes)
    constants = (reference,) if importance is None else (reference, importance)
    # Found once a model: walking through its parts at every step would cost as much as the penalty.
    found: dict[nn.Module, tuple[list[nn.Parameter], Placed]] = {}

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if model not in found:
            trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
            # Laid out in memory as the parameters are: mixed layouts would make each sweep slower.
            like = (_laid_out(group[name], p) for group in constants for name, p in trained.items())
            found[model] = list(trained.values()), Placed(*like)
        parameters, placed = found[model]
        tensors = placed.on(parameters[0].device)
        anchor, weights = tensors[: len(parameters)], tensors[len(parameters) :]
        # First the likelihood: in the backward pass the penalty then comes before FSDP adds its gradients.
        value = likelihood(model, images, labels)
        own = [own_part(parameter, parameter) for parameter in parameters]
        penalty = quadratic_penalty(own, anchor, weights or None, strength)
        return value + sum_of_parts(penalty, parameters[0])

    return loss


def _laid_out(constant: Tensor, parameter: Tensor) -> Tensor:
    own = own_part(constant, parameter)
    return torch.empty_like(own_part(parameter, parameter), requires_grad=False).copy_(own)


class Restricted(nn.Module):
    """A model's logits of some classes.

    Args:
        model: From images to logits ``(N, C)``.
        classes: The subset, sorted, int64 of shape ``(K,)``.
    """

    classes: Tensor

    def __init__(self, model: nn.Module, classes: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("classes", classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits of shape ``(N, K)``."""
        return restrict(self.model(images), self.classes)


def taught_loss(
    classes: Tensor, *, alpha: float = 1.0, temperature: float = 2.0
) -> Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]:
    """Build the loss of plain fine-tuning plus :func:`distillation` from answers that are known.

    It is called as ``loss(model, images, labels, answers)``, with a frozen teacher's logits of the subset's
    classes, shape ``(N, K)``.

    Args:
        classes: The class subset.
        alpha: Weight of the term.
        temperature: T of both softmaxes.
    """
    placed = Placed(classes)

    def loss(model: nn.Module, images: Tensor, labels: Tensor, answers: Tensor) -> Tensor:
        logits = model(images)
        (subset,) = placed.on(logits.device)
        likelihood = subset_cross_entropy(logits, labels, subset)
        return likelihood + distillation(
            restrict(logits, subset), answers, alpha=alpha, temperature=temperature
        )

    return loss


def distilled_loss(
    classes: Tensor, teacher: nn.Module, *, alpha: float = 1.0, temperature: float = 2.0
) -> Loss:
    """Build the loss of plain fine-tuning plus :func:`distillation` from a frozen teacher.

    Args:
        classes: The class subset, to which the teacher's logits are restricted too.
        teacher: The pre-trained model; put into evaluation mode here.
        alpha: Weight of the term.
        temperature: T of both softmaxes.
    """
    restricted = Restricted(teacher, classes).requires_grad_(False).eval()
    taught = taught_loss(classes, alpha=alpha, temperature=temperature)

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if device_of(restricted) != images.device:
            restricted.to(images.device)
        with torch.no_grad():
            answers = restricted(images)
        return taught(model, images, labels, answers)

    return loss
