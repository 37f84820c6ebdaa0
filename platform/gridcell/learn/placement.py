"""Constants of a loss that follow the model to its device, moved once rather than at every step."""

from itertools import chain

import torch
from torch import Tensor, nn


class Placed:
    """Constant tensors, copied to a device the first time they are asked for there.

    A loss is built before it is known where training will happen; its constants (anchors, class
    subsets, normalisation) are therefore kept here and fetched with :meth:`on`. Only the copy on the
    last device asked for is kept.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self._tensors = tensors

    def on(self, device: torch.device) -> tuple[Tensor, ...]:
        """Return the tensors on ``device``, in the order in which they were given."""
        if self._tensors and self._tensors[0].device != device:
            self._tensors = tuple(tensor.to(device, non_blocking=True) for tensor in self._tensors)
        return self._tensors


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter or buffer; the CPU for a model without any.

    Example:
        >>> from torch import nn
        >>> device_of(nn.Linear(2, 1))
        device(type='cpu')
    """
    first = next(chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device
