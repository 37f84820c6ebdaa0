"""Whether a module is a hypothesis: a function of its weights alone, which a seed draws."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gridcell import UserError

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_POINTS = 4


def check_module(
    module: nn.Module, name: str, inputs: tuple[int, ...], outputs: int, *, across_points: bool
) -> None:
    """Check that a module's outputs depend on its trainable weights and the input alone.

    Args:
        module: newly made.
        name: of it, for messages.
        inputs: shape of one input.
        outputs: k.
        across_points: whether a point's outputs may depend on the other points of a batch, as those of batch
            normalisation do.

    Raises:
        UserError: it has buffers, dropout, frozen weights or none, its outputs have another shape than
            (B, k), differ from call to call, or depend on the other points of a batch.
    """
    if any(isinstance(layer, _DROPOUTS) and layer.p > 0 for layer in module.modules()):
        raise UserError(
            f"The module '{name}' has dropout, whose draws are no part of a hypothesis: leave it out"
        )
    if list(module.buffers()):
        names = ", ".join(name for name, _ in module.named_buffers())
        raise UserError(f"The module '{name}' has buffers ({names}), which no weight vector holds")
    if any(isinstance(one, nn.parameter.UninitializedParameter) for one in module.parameters()):
        raise UserError(
            f"The module '{name}' has lazy layers: give them their sizes, which the factory is told"
        )
    frozen = [path for path, one in module.named_parameters() if not one.requires_grad]
    if frozen:
        raise UserError(
            f"The module '{name}' has weights that don't train ({', '.join(frozen)}), and all would "
            "be trained: make them constants"
        )
    if not list(module.parameters()):
        raise UserError(f"The module '{name}' has no weights to train")
    x = torch.randn(_POINTS, *inputs, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = module(x)
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != (_POINTS, outputs):
            raise UserError(
                f"The module '{name}' gives outputs of shape {shape} for {_POINTS} inputs of shape {inputs}: "
                f"it must give ({_POINTS}, {outputs})"
            )
        if not _alike(module(x), found):
            raise UserError(
                f"The module '{name}' gives other outputs when it is asked again: it draws at random "
                "or keeps a state, which is no part of a hypothesis"
            )
        if not across_points and not _alike(module(x[:2]), found[:2]):
            raise UserError(
                f"The module '{name}' answers a point by the other points of its batch, too, so test "
                "errors would depend on which points are tested together: take torch's batch normalisation, "
                "whose statistics are then those of the training points, or normalise each point alone"
            )


def check_draws(draw: Callable[[int], Tensor], name: str) -> None:
    """Check that a seed alone decides about a module's initial weights.

    Args:
        draw: seed -> flat initial weights.
        name: of the module, for messages.

    Raises:
        UserError: one seed gives two networks, or two seeds give one network of random weights.
    """
    first = draw(1)
    if not torch.equal(first, draw(1)):
        raise UserError(
            f"The module '{name}' draws other initial weights from the same seed: draw with torch's own "
            "functions, from its global generator"
        )
    if torch.equal(first, draw(2)) and not torch.isin(first, torch.tensor([0.0, 1.0])).all():
        raise UserError(
            f"The module '{name}' draws the same initial weights from every seed, so all hypotheses would "
            "begin alike: leave out a seed of its own"
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)
