"""The precision that models compute in, by their device."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

TF32 = "tf32"


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


@contextmanager
def tensor_float32(allowed: bool) -> Iterator[None]:
    """Say whether a GPU may round what it multiplies in float32 to TF32, which has 10 bits of mantissa.

    torch's own default allows it for convolutions alone, so that one network computes in full and another
    doesn't. Nothing changes on a CPU, nor in mixed precision. Afterwards all is as before.

    Args:
        allowed: in products of matrices and in convolutions; not allowed, float32 means float32.

    Example:
        >>> with tensor_float32(allowed=False):
        ...     torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        (False, False)
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32, products.allow_tf32 = allowed, allowed
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before
