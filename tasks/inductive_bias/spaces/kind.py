"""What a kind of hypothesis space is, as suites name it: functions of a kernel, or trained networks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gridcell import Distinct, Strict

if TYPE_CHECKING:
    from inductive_bias.kernel_space.kernels import Kernel as KernelFunction


class Training(Strict):
    """How a network is trained until its training error is ``fit_error`` (in the suite's unit).

    Attributes:
        optimiser: ``adam`` or ``sgd``.
        momentum: of ``sgd``.
        lr: step size.
        batch_size: samples a step.
        max_epochs: a network that doesn't fit by then is no sample.
        check_every: epochs between two looks at the training error.
        fit_error: at which a network fits; a kernel whose functions keep a larger one is an error.
        fit_levels: larger errors, at which the test error is recorded on the way to ``fit_error``.
        at_once: networks trained side by side in one matrix; ``auto``: by a rule of device and sizes.
    """

    optimiser: Literal["adam", "sgd"] = "adam"
    momentum: float = Field(0.0, ge=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    batch_size: int = Field(50, ge=1)
    max_epochs: int = Field(300, ge=1)
    check_every: int = Field(10, ge=1)
    fit_error: float = Field(0.02, gt=0)
    fit_levels: Annotated[list[Annotated[float, Field(gt=0)]], Distinct] = Field([])
    at_once: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _counts(self) -> Self:
        """Refuse what would change nothing."""
        if self.momentum and self.optimiser != "sgd":
            raise ValueError("momentum is of optimiser: sgd; adam has its own")
        if any(level <= self.fit_error for level in self.fit_levels):
            raise ValueError(
                f"fit_levels are larger than fit_error, {self.fit_error:g}, at which training ends: leave "
                "out those that are not"
            )
        return self


class Kernel(Strict):
    """Functions from a Gaussian process posterior.

    Attributes:
        amplitude: prior variance, in units of the kernel's usual form; ``evidence``: the one of the largest
            marginal likelihood of the training targets.
        noise: variance of the noise on training targets, in their unit squared; 0: functions interpolate.
    """

    amplitude: Annotated[float, Field(gt=0)] | Literal["evidence"] = 1.0
    noise: float = Field(0.0, ge=0)

    if TYPE_CHECKING:
        kind: str  # the space's name: suites give it, and gridcell.OneOf adds it


class Networks(Strict):
    """Trained networks.

    Attributes:
        training: of this space alone; replaces the suite's as a whole.
    """

    training: Training | None = None

    if TYPE_CHECKING:
        kind: str


@dataclass(frozen=True)
class KernelKind:
    """Functions from a Gaussian process posterior: one file, of this folder or of the user, as ``space``.

    Attributes:
        name: in suites, under ``kind``.
        make: called as ``make(amplitude=..., **parameters)`` with the kind's own parameters; returns a
            :class:`~inductive_bias.kernel_space.kernels.Kernel`.
        parameters: settings, which derive from :class:`Kernel`, each with a default.
        version: of the kernel. Raise it where its values change: cells of before stay apart.
    """

    name: str
    make: "Callable[..., KernelFunction]"
    parameters: type[Kernel] = Kernel
    version: int = 1

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the settings beside those that every kernel has."""
        return tuple(name for name in self.parameters.model_fields if name not in Kernel.model_fields)


@dataclass(frozen=True)
class NetworkKind:
    """Trained networks: one file, of ``spaces`` or of the user's own, as ``space``.

    Attributes:
        name: in suites, under ``kind``.
        make: called as ``make(inputs, outputs, **parameters)`` with the shape of one input, the number of
            outputs k and the kind's own parameters; returns a ``torch.nn.Module`` whose forward takes
            (B, *inputs) to (B, k).
        parameters: settings, which derive from :class:`Networks`, each with a default.
        version: of the networks' form. Raise it where that changes: cells of before stay apart.
    """

    name: str
    make: Callable[..., Any]
    parameters: type[Networks] = Networks
    version: int = 1


SpaceKind = KernelKind | NetworkKind
