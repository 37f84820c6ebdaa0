"""Any ``torch.nn.Module`` as a network of flat weights: the user's own, and the blocks of ``blocks.py``."""

import contextlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from gridcell import UserError, unknown
from inductive_bias.network_space.fingerprint import file_fingerprint
from inductive_bias.network_space.module_checks import check_draws, check_module

Factory = Callable[[tuple[int, ...], int], nn.Module]
"""(shape of one input, number of outputs) -> a module whose forward takes (B, *shape) to (B, outputs)."""

_UNIFORM = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)  # torch draws theirs in +-1/sqrt(fan-in)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class BatchStatistics(nn.Module):
    """Batch normalisation without running averages, so that a function of the weights alone results.

    In training, statistics are the batch's. Elsewhere they are those of the training points, which
    ``ModuleArchitecture.predict`` puts ahead of the others: ``reference`` says how many they are.
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.eps = eps
        self.reference: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (B, channels, ...), normalised over all axes but the channels."""
        shown = x if self.reference is None else x[: self.reference]
        axes = [0, *range(2, x.dim())]
        mean = shown.mean(axes, keepdim=True)
        variance = shown.var(axes, keepdim=True, unbiased=False)
        shape = [1, -1, *[1] * (x.dim() - 2)]
        normal = (x - mean) / (variance + self.eps).sqrt()
        if self.weight is None or self.bias is None:
            return normal
        return normal * self.weight.reshape(shape) + self.bias.reshape(shape)


@dataclass(frozen=True)
class ModuleArchitecture:
    """A network given as a module.

    Attributes:
        inputs: shape of one input.
        outputs: k.
        factory: makes the module, drawing its initial weights from torch's global generator.
        name: for messages and checkpoints.

    Raises:
        UserError: what ``check_module`` and ``check_draws`` find.
    """

    inputs: tuple[int, ...]
    outputs: int
    factory: Factory = field(repr=False)
    name: str

    channels = ("module",)
    """Not fully connected: gradients go by autograd."""

    def __post_init__(self) -> None:
        norms = any(isinstance(layer, BatchStatistics) for layer in self._module.modules())
        check_module(self._module, self.name, self.inputs, self.outputs, across_points=norms)
        check_draws(lambda seed: self.initialise(torch.Generator().manual_seed(seed)), self.name)

    @cached_property
    def _module(self) -> nn.Module:
        """The module whose parameters are replaced at each call."""
        return self._made(0)

    def _made(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _without_running_averages(self.factory(self.inputs, self.outputs))

    @cached_property
    def _shapes(self) -> dict[str, torch.Size]:
        return {name: parameter.shape for name, parameter in self._module.named_parameters()}

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(math.prod(shape) for shape in self._shapes.values())

    @property
    def values(self) -> int:
        """A guess at the numbers that one input's forward pass holds, for the size of stacks on a GPU."""
        return 4 * self.size

    def initialise(self, generator: torch.Generator) -> Tensor:
        """Draw one network as the factory does: a flat float32 vector."""
        module = self._made(int(torch.randint(2**62, (), generator=generator)))
        return torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).float()

    def from_scores(self, scores: Tensor) -> Tensor:
        """Return initial weights (H, P) of standard normal scores (H, P).

        Raises:
            UserError: weights that aren't drawn as torch's linear and convolutional layers draw theirs.
        """
        centre, reach = self._ranges
        return (2 * torch.special.ndtr(scores) - 1) * reach.to(scores) + centre.to(scores)

    @cached_property
    def _ranges(self) -> tuple[Tensor, Tensor]:
        """Centre and half width of each weight's uniform distribution, checked on networks drawn."""
        module = self._module
        centres = {name: torch.zeros(shape) for name, shape in self._shapes.items()}
        reaches = {name: torch.full(shape, torch.nan) for name, shape in self._shapes.items()}
        for path, layer in module.named_modules():
            own = {f"{path}.{name}" if path else name for name, _ in layer.named_parameters(recurse=False)}
            own &= reaches.keys()  # weights that layers share have one name
            if isinstance(layer, _UNIFORM):
                bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
                for name in own:
                    reaches[name].fill_(bound)
            elif isinstance(layer, BatchStatistics | nn.LayerNorm | nn.GroupNorm):
                for name in own:
                    centres[name].fill_(1.0 if name.endswith("weight") else 0.0)
                    reaches[name].zero_()
        centre = torch.cat([values.flatten() for values in centres.values()])
        reach = torch.cat([values.flatten() for values in reaches.values()])
        drawn = torch.stack([self.initialise(torch.Generator().manual_seed(seed)) for seed in range(8)])
        away = (drawn - centre).abs()
        wide = reach > 0
        spread = float((away[:, wide] / reach[wide]).square().mean()) if wide.any() else 1 / 3
        if reach.isnan().any() or (away > reach * (1 + 1e-5) + 1e-7).any() or abs(spread - 1 / 3) > 0.1:
            raise UserError(
                f"The module '{self.name}' draws initial weights in a way of its own, so subset simulation "
                "can't move them: set tail to 'fit', or keep the initial weights of torch's layers"
            )
        return centre, reach

    def apply(self, flat: Tensor, x: Tensor) -> Tensor:
        """Return one network's outputs (B, k) for its weights (P,) and inputs (B, ...)."""
        weights, start = {}, 0
        for name, shape in self._shapes.items():
            count = math.prod(shape)
            weights[name] = flat[start : start + count].view(shape)
            start += count
        out: Tensor = torch.func.functional_call(self._module, weights, (x,))
        return out

    def predict(self, flat: Tensor, x: Tensor, train: Tensor) -> Tensor:
        """Return one network's outputs at ``x``; batch statistics are those of the training inputs."""
        norms = [layer for layer in self._module.modules() if isinstance(layer, BatchStatistics)]
        if not norms:
            return self.apply(flat, x)
        for layer in norms:
            layer.reference = len(train)
        try:
            return self.apply(flat, torch.cat([train, x]))[len(train) :]
        finally:
            for layer in norms:
                layer.reference = None


def _without_running_averages(module: nn.Module) -> nn.Module:
    """Replace torch's batch normalisation by ``BatchStatistics``."""
    if isinstance(module, _BATCH_NORMS):
        return BatchStatistics(module.num_features, module.eps, module.affine)
    for name, child in module.named_children():
        setattr(module, name, _without_running_averages(child))
    return module


def load_factory(path: str, name: str) -> Factory:
    """Import a user's file and return what makes its module.

    Raises:
        UserError: the file can't be imported, or has no such name.
    """
    spec = importlib.util.spec_from_file_location(f"users_module_{file_fingerprint(path)}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"'{path}' is no Python file")
    found = importlib.util.module_from_spec(spec)
    with contextlib.suppress(OSError):  # bytecode of an edit in the same second would be taken for the file's
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
    spec.loader.exec_module(found)
    if not hasattr(found, name):
        raise unknown(f"module in {path}", name, [item for item in vars(found) if not item.startswith("_")])
    factory: Factory = getattr(found, name)
    return factory
