"""A classifier cut before its last layer: what that layer is given, and the layer."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from imagenet_rib.method import Probe


class Body(nn.Module):
    """All of a timm classifier but its last layer.

    Args:
        model: One that :func:`probe_of` can cut.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, images: Tensor) -> Tensor:
        """Return from images ``(N, 3, H, W)`` the features that the last layer is given, ``(N, D)``."""
        features: Tensor = self.model.forward_head(self.model.forward_features(images), pre_logits=True)
        return features


def probe_of(model: nn.Module, head: Sequence[str]) -> Probe | None:
    """Cut a classifier before its last layer.

    Args:
        model: A classifier, whose parts are shared.
        head: Names of the parameters of its last layer.

    Returns:
        Body and head; None for a model that timm does not divide so, or whose last layer is not one linear
        layer. Whether the model answers ``head(body(images))`` shows with images alone.

    Example:
        >>> import timm
        >>> model = timm.create_model("resnet10t", num_classes=3)
        >>> probe_of(model, ("fc.weight", "fc.bias")).head
        Linear(in_features=512, out_features=3, bias=True)
    """
    known = ("forward_features", "forward_head", "get_classifier")
    if not all(callable(getattr(model, name, None)) for name in known):
        return None
    layer: Any = model.get_classifier()  # type: ignore[operator]
    parameters = dict(model.named_parameters())
    whole = [parameters[name] for name in head if name in parameters]
    if not isinstance(layer, nn.Linear) or {*map(id, layer.parameters())} != {*map(id, whole)}:
        return None
    return Probe(Body(model), layer)
