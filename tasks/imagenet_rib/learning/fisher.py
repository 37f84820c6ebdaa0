"""The diagonal Fisher information of a classifier, from the gradient of each sample by itself.

Squaring the gradient of a batch's mean instead is a common mistake: it measures the batch's noise, and
shrinks with the batch size.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from gridcell.data import StoredPixels
from gridcell.learn import device_of
from imagenet_rib.learning.modes import evaluating


def diagonal_fisher(
    model: nn.Module,
    images: Tensor | StoredPixels,
    *,
    labels: Tensor | None = None,
    empirical: bool = False,
    samples: int | None = None,
    seed: int = 0,
    chunk: int = 32,
    transform: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Estimate ``F_k = E_x E_y [(d log p(y | x) / d theta_k)^2]`` at the model's weights.

    The true Fisher information (the default) draws one label for each image from the model's own
    predictive distribution; the empirical one takes the data's labels (Kunstner et al. 2019, equations 2
    and 3; Kirkpatrick et al. 2017 use it as the importance of weights). The model runs in evaluation
    mode meanwhile: batch normalisation with its stored statistics, without which samples would not be
    independent, and no dropout.

    Args:
        model: A classifier that returns logits of shape ``(N, C)``; unchanged afterwards.
        images: Inputs, shape ``(N, ...)``, on any device, or what reads those that it is indexed by; taken to
            the model's device chunk by chunk.
        labels: Classes, int64 of shape ``(N,)``; needed for the empirical Fisher information alone.
        empirical: Whether to take the data's labels.
        samples: Number of images used, drawn without replacement; all of them by default.
        seed: Seed of the choice of images and of labels.
        chunk: Images whose gradients are held in memory at once (chunk x parameters x 4 bytes).
        transform: Applied to each chunk of images on the device, e.g. a normalisation.

    Returns:
        For each parameter's name its Fisher information, float32 on the CPU, shaped as the parameter.

    Raises:
        ValueError: If the empirical Fisher information is asked for without labels, or there are no images.
    """
    if empirical and labels is None:
        raise ValueError("The empirical Fisher information needs labels")
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.arange(len(images))
    if samples is not None and samples < len(images):
        chosen = torch.randperm(len(images), generator=generator)[:samples]
    if len(chosen) == 0:
        raise ValueError("The Fisher information needs at least one image")

    device = device_of(model)
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    total = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()}
    per_sample = vmap(grad(_log_likelihood(model)), in_dims=(None, 0, 0), randomness="error")
    with evaluating(model):
        for indices in chosen.split(chunk):
            batch = images[indices.to(getattr(images, "device", "cpu"))].to(device)
            batch = batch if transform is None else transform(batch)
            if empirical and labels is not None:
                targets = labels[indices.to(labels.device)].to(device)
            else:
                with torch.no_grad():
                    probabilities = model(batch).float().softmax(1).cpu()
                targets = torch.multinomial(probabilities, 1, generator=generator)[:, 0].to(device)
            # Of attention's implementations only the plain one maps over samples without a loop.
            with sdpa_kernel(SDPBackend.MATH):
                gradients_by_name = per_sample(weights, batch, targets)
            for name, gradients in gradients_by_name.items():
                total[name] += gradients.float().square().sum(0)
    return {name: (value / len(chosen)).cpu() for name, value in total.items()}


def _log_likelihood(model: nn.Module) -> Callable[[dict[str, Tensor], Tensor, Tensor], Tensor]:
    buffers = dict(model.named_buffers())

    def of_one(weights: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(model, {**weights, **buffers}, (image[None],))
        return -F.cross_entropy(logits, label[None])

    return of_one
