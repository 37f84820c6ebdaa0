"""The precision that models compute in, by their device."""

from contextlib import AbstractContextManager, nullcontext

import torch


def mixed_dtype(device: torch.device | None = None) -> torch.dtype:
    """Return the format of mixed precision on a CUDA device, by default the current one.

    bfloat16 where the chip has it (Ampere on), since in training it needs no loss scaling and so no
    synchronisation at each step, else float16.
    """
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a model that isn't trained answers on a device.

    Mixed precision on a CUDA device, in the format that it trains in; elsewhere nothing is changed. What a
    model returns in it may be in the short format.

    Example:
        >>> with mixed_precision(torch.device("cpu")):
        ...     (torch.ones(2) / 3).dtype
        torch.float32
    """
    return torch.autocast("cuda", dtype=mixed_dtype(device)) if device.type == "cuda" else nullcontext()
