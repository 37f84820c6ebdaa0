"""``network`` and ``module``: networks of usual forms, and of the user's own."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inductive_bias.spaces.kind import NetworkKind, Networks


class Network(Networks):
    """Trained networks.

    Attributes:
        widths: of the fully connected hidden layers.
        channels: of 3 x 3 convolutions, each with 2 x 2 max pooling, ahead of them.
        blocks: ``plain``, ``residual``, ``batch_norm``, or ``attention`` (rows of images are its tokens).
        training: of this space alone; replaces the suite's as a whole.
    """

    widths: list[Annotated[int, Field(ge=1)]] = Field([100])
    channels: list[Annotated[int, Field(ge=1)]] = Field([])
    blocks: Literal["plain", "residual", "batch_norm", "attention"] = "plain"

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        """Refuse convolutions ahead of blocks that have none."""
        if self.channels and self.blocks != "plain":
            raise ValueError(f"blocks '{self.blocks}' have no convolutions ahead: leave out channels")
        return self


class Module(Networks):
    """Trained networks of the user's own form.

    Attributes:
        factory: ``path/to/file.py:name`` of a class or function that takes the shape of one input and the
            number of outputs and returns a ``torch.nn.Module``.
        training: of this space alone; replaces the suite's as a whole.
    """

    factory: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")]


def network(
    inputs: tuple[int, ...],
    outputs: int,
    *,
    widths: Sequence[int],
    channels: Sequence[int],
    blocks: str = "plain",
) -> Any:
    """Return the form of all networks, of flat weights; see ``architectures.Architecture``."""
    import math

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.blocks import block_factory
    from inductive_bias.network_space.modules import ModuleArchitecture

    flat = (math.prod(inputs),)
    if blocks == "plain":
        return Architecture(inputs if channels else flat, tuple(channels), tuple(widths), outputs)
    shape = inputs if blocks == "attention" else flat
    name = f"{blocks} {tuple(widths)}"
    return ModuleArchitecture(shape, outputs, block_factory(blocks, tuple(widths)), name)


def module(inputs: tuple[int, ...], outputs: int, *, factory: str) -> Any:
    """Return a module of the user's own."""
    from inductive_bias.network_space.modules import load_factory

    path, _, name = factory.rpartition(":")
    return load_factory(path, name)(inputs, outputs)


space = (NetworkKind("network", network, Network), NetworkKind("module", module, Module))
