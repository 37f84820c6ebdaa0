"""Penultimate-layer features of a timm model: what its last layer sees."""

from collections.abc import Iterable, Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gridcell import UserError
from gridcell.learn import device_of, tensor_float32
from imagenet_rib.learning.modes import evaluating
from imagenet_rib.learning.predictions import Normalisation


def penultimate_features(
    model: nn.Module, batches: Iterable[Sequence[Tensor]], normalisation: Normalisation
) -> NDArray:
    """Compute the features that a classifier's last layer is given.

    Args:
        model: A timm classifier; runs in evaluation mode on the device it is on, in float32 on a GPU, too:
            a distance must not depend on the device. It is left in the modes it was found in.
        batches: Batches whose first tensors are images, uint8 of shape ``(B, H, W, 3)``.
        normalisation: Makes the model's inputs of them.

    Returns:
        float32 of shape ``(N, d)``, in the images' order.

    Raises:
        UserError: The model does not tell its features from its last layer, as timm's models do.
    """
    body, head = getattr(model, "forward_features", None), getattr(model, "forward_head", None)
    if not (callable(body) and callable(head)):
        raise UserError(f"{type(model).__name__} is no timm model: its penultimate layer is not known")
    device = device_of(model)
    with evaluating(model), torch.inference_mode(), tensor_float32(allowed=False):
        features = []
        for images, *_ in batches:
            inputs = normalisation(images.to(device, non_blocking=True))
            features.append(head(body(inputs), pre_logits=True))
    return torch.cat(features).float().cpu().numpy()
