"""What a frozen model answers to a set's images: computed once, where training would ask at every epoch."""

import shutil
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from gridcell import Context
from gridcell.data import LabelledSet
from imagenet_rib.cells.at_once import images_at_once
from imagenet_rib.method import Probe

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from imagenet_rib.learning.predictions import Normalisation

IN_MEMORY = 1 << 30
"""Bytes of answers that are held in memory. More lie in a file of the cell's scratch folder."""

_OF_THE_DISK = 0.5  # that this file may take of what is free there
_FEW = 8  # images on which a model is compared with its parts
_TOLERANCE = 1e-5  # of logits, relative to their size


def known_answers(
    context: Context,
    model: "nn.Module",
    images: LabelledSet,
    normalise: "Normalisation",
    *,
    side: int,
    precision: str | None,
) -> "Tensor | None":
    """Return a frozen model's answers to all images of a set, in the set's order.

    Several processes that train together compute a share each. The answers are those that training would
    compute, up to rounding: in its precision and of the same dtype.

    Args:
        context: of the cell.
        model: from normalised images to answers; it is left in evaluation mode, on the CPU.
        images: the set.
        normalise: prepares them.
        side: of the model's images, in px.
        precision: as a fit takes it; None for mixed precision on a GPU, float32 elsewhere.

    Returns:
        Shape ``(N, D)``, on the CPU; None where there is no room for them.
    """
    import torch

    from gridcell.learn import gather, whole_batches

    device = torch.device(context.device)
    model.to(device).eval()

    def answered(pixels: "Tensor") -> "Tensor":
        with torch.inference_mode(), _computing_in(precision, device):
            answers: Tensor = model(normalise(pixels.to(device, non_blocking=True)))
        return answers

    at_once = context.batch_and_accumulation(images_at_once(context.device, side))[0]
    own = whole_batches(len(images), at_once, context.rank, context.workers)
    like = answered(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    kept = _room(context, len(images), len(own), like)
    if kept is not None:
        begin = 0
        for pixels, *_ in context.alive(images.evaluation_batches(at_once, normalise.prepare, own)):
            answers = answered(pixels)
            kept[begin : begin + len(answers)] = answers
            begin += len(answers)
    model.to("cpu")
    if kept is None or context.workers == 1:
        return kept
    every = gather(kept.view(torch.uint8), context.workers)  # as bytes: NumPy has no bfloat16
    return torch.from_numpy(every).view(kept.dtype)


def _room(context: Context, images: int, own: int, like: "Tensor") -> "Tensor | None":
    """Return a tensor for a process's answers, in memory or in a file; None where neither holds them.

    All processes of a cell find the same, so that none waits for the others' answers in vain.
    """
    import torch

    row = tuple(like.shape[1:])
    size = images * like[0].numel() * like.element_size()
    if size <= IN_MEMORY:
        return torch.empty((own, *row), dtype=like.dtype)
    if context.workers > 1 or size > _OF_THE_DISK * shutil.disk_usage(context.scratch).free:
        return None
    file = str(context.scratch / "answers")
    return torch.from_file(file, shared=True, size=own * like[0].numel(), dtype=like.dtype).view(own, *row)


def _computing_in(precision: str | None, device: "torch.device") -> AbstractContextManager[object]:
    """Return the context in which a model answers as it does in a fit of a precision."""
    import torch

    from gridcell.learn import mixed_precision, tensor_float32

    if precision is None:
        return mixed_precision(device)
    formats = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    if precision in formats:
        return torch.autocast(device.type, formats[precision])
    return tensor_float32(allowed=precision == "tf32")


def answers_alike(model: "nn.Module", probe: Probe, images: LabelledSet, normalise: "Normalisation") -> bool:
    """Whether a model answers a few images as its last layer does the features that its body makes of them.

    Args:
        model: the model, on the CPU, where it is left.
        probe: how it is divided.
        images: of which a few are taken.
        normalise: prepares them.
    """
    import torch

    from imagenet_rib.learning.modes import evaluating

    few = torch.arange(min(_FEW, len(images)))
    with evaluating(model), torch.inference_mode():
        inputs = normalise(images.pixels(normalise.prepare)[few])
        expected, found = model(inputs), probe.head(probe.body(inputs))
    return found.shape == expected.shape and bool(
        (found - expected).abs().max() <= _TOLERANCE * expected.abs().max()
    )
