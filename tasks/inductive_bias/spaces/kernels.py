"""``rbf`` and ``arc_cosine``: kernels."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from inductive_bias.spaces.kind import Kernel, KernelKind

if TYPE_CHECKING:
    from inductive_bias.kernel_space import kernels


class Rbf(Kernel):
    """The Gaussian kernel.

    Attributes:
        bandwidth: a number, ``median`` (the median distance between training inputs), or ``evidence``.
    """

    bandwidth: Annotated[float, Field(gt=0)] | Literal["median", "evidence"] = 1.0


class ArcCosine(Kernel):
    """The kernel of infinitely wide networks of rectified units.

    Attributes:
        depth: hidden layers.
    """

    depth: int = Field(2, ge=1)


def rbf(bandwidth: float, amplitude: float) -> "kernels.Kernel":
    """Return the kernel; see ``kernels.Rbf``."""
    from inductive_bias.kernel_space import kernels

    return kernels.rbf(bandwidth, amplitude)


def arc_cosine(depth: int, amplitude: float) -> "kernels.Kernel":
    """Return the kernel; see ``kernels.ArcCosine``."""
    from inductive_bias.kernel_space import kernels

    return kernels.arc_cosine(depth, amplitude=amplitude)


space = (KernelKind("rbf", rbf, Rbf), KernelKind("arc_cosine", arc_cosine, ArcCosine))
