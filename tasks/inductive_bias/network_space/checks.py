"""The contract of spaces: what can be tried on a few points."""

from functools import partial

import numpy as np

from gridcell import UserError
from gridcell.testing import Check, require
from inductive_bias.network_space.architectures import Architecture
from inductive_bias.network_space.modules import ModuleArchitecture
from inductive_bias.spaces.kind import KernelKind, NetworkKind, Networks, SpaceKind

_INPUTS, _OUTPUTS, _POINTS = (3,), 2, 5


def checks(kind: SpaceKind) -> list[Check]:
    """Return what a space keeps to, beside what all parts keep to."""
    if any(field.is_required() for field in kind.parameters.model_fields.values()):
        return []
    if isinstance(kind, KernelKind):
        return [Check("its kernel is symmetric and positive semi-definite", partial(_is_a_kernel, kind))]
    return [Check("it makes a network of the asked inputs and outputs", partial(_is_a_network, kind))]


def _is_a_kernel(kind: KernelKind) -> None:
    values = kind.parameters.model_validate({}).model_dump(include=set(kind.own))
    points = np.random.default_rng(0).normal(size=(_POINTS, *_INPUTS))
    matrix = kind.make(amplitude=1.0, **values)(points, points)
    require(matrix.shape == (_POINTS, _POINTS), f"of {_POINTS} points it gives a matrix {matrix.shape}")
    require(np.allclose(matrix, matrix.T), "k(x, y) is not k(y, x)")
    require(np.linalg.eigvalsh(matrix).min() > -1e-9, "its matrix has a negative eigenvalue")


def _is_a_network(kind: NetworkKind) -> None:
    import torch

    own = kind.parameters.model_validate({}).model_dump(exclude={*Networks.model_fields})
    network = kind.make(_INPUTS, _OUTPUTS, **own)
    if isinstance(network, Architecture):
        return  # one that gridcell trains many of side by side; tested elsewhere
    require(
        isinstance(network, torch.nn.Module), f"make returns {type(network).__name__}, not a torch module"
    )
    try:
        ModuleArchitecture(_INPUTS, _OUTPUTS, partial(kind.make, **own), kind.name)
    except UserError as error:
        require(False, str(error))
