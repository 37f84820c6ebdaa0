"""A stack of hypotheses, each trained from its own seed; how many at once is only a matter of speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gridcell.data import generator as named_generator
from inductive_bias.network_space.architectures import initialise
from inductive_bias.network_space.gradients import Network, predict, together

ALIGNMENT = 16
"""Rows of a stack begin at multiples of so many numbers, a vector register: a row is then computed by the
same instructions whatever its place, and comes out the same to the bit."""

CACHE_BYTES = 1 << 20
"""What a CPU core's second-level cache holds; a constant, so that results don't hang on the machine."""

GPU_STACK_BYTES = 1 << 31


@dataclass(frozen=True)
class Recipe:
    """How a hypothesis is trained.

    Attributes:
        lr: step size; Adam has betas 0.9 and 0.999 and epsilon 1e-8.
        batch_size: samples a step; an epoch leaves out the remainder.
        max_epochs: a hypothesis that doesn't fit by then is no sample.
        check_every: epochs between two looks at the training error.
        fit_error: mean squared training error at which it counts as fitting.
        fit_levels: larger ones, at which the test error is recorded on the way.
        optimiser: ``adam``, or ``sgd``: stochastic gradient descent with momentum.
        momentum: of ``sgd``.
    """

    lr: float = 1e-3
    batch_size: int = 50
    max_epochs: int = 200
    check_every: int = 10
    fit_error: float = 1e-3
    fit_levels: tuple[float, ...] = ()
    optimiser: str = "adam"
    momentum: float = 0.0


def hypothesis_generator(suite_seed: int, index: int) -> torch.Generator:
    """Return the generator of hypothesis ``index``: of its initial weights, then of its order of data.

    It depends on nothing else, so a hypothesis is the same in whatever cell and stack it is trained.
    """
    seed = int(named_generator(suite_seed, "hypothesis", index).integers(2**62))
    return torch.Generator().manual_seed(seed)


def stack_size(architecture: Network, device: str, batch_size: int) -> int:
    """Return how many hypotheses to train at once: a fixed rule of device and sizes.

    On a CPU memory bandwidth decides: as many as keep weights, gradients and both moments in a core's cache,
    so that wide networks go one by one. On a GPU as many as hide the launch of each kernel, within 2 GiB.
    ``tests/benchmarks/hypotheses.py`` measures the alternatives.
    """
    state = 4 * 4 * architecture.size  # float32 weights, gradient, first and second moment
    if device == "cpu":
        return min(64, max(1, CACHE_BYTES // state))
    # Autograd keeps a few copies of each layer's values; convolutions have one a pixel.
    return min(1024, max(1, GPU_STACK_BYTES // (state + 4 * 4 * batch_size * architecture.values)))


class Stack:
    """Hypotheses trained side by side with one Adam: weights and moments are matrices, a row each."""

    def __init__(
        self,
        architecture: Network,
        generators: Sequence[torch.Generator],
        x: Tensor,
        y: Tensor,
        recipe: Recipe,
        *,
        alone: bool = False,
        weights: Tensor | None = None,
        epoch_seeds: Tensor | None = None,
    ) -> None:
        """Draw the hypotheses.

        Args:
            architecture: of all.
            generators: one a hypothesis; of its initial weights, then of its order of data.
            x: float32 training inputs (n, ...), on the device to train on.
            y: float32 training targets (n, k), likewise.
            recipe: how to train.
            alone: it is a stack of one by choice. A product of one matrix may be computed by other
                instructions than a batch of them, so the last hypothesis of a larger stack gets company.
            weights: initial weights (H, P) that are given instead of drawn.
            epoch_seeds: int64 (H, epochs): seeds of the order of data in each epoch, instead of one stream.
        """
        self.architecture = architecture
        self._least = 1 if alone else 2
        self._x, self._y = x, y
        self._batch = min(recipe.batch_size, len(x))
        self._recipe = recipe
        self._epoch_seeds, self._epoch = epoch_seeds, 0
        drawn = weights
        if drawn is None:
            drawn = torch.stack([initialise(architecture, generator) for generator in generators])
        rows = torch.nn.functional.pad(drawn, (0, -architecture.size % ALIGNMENT)).to(x)
        self._bind(generators, rows, torch.zeros_like(rows), torch.zeros_like(rows))
        self._steps = torch.zeros((), device=x.device)

    def _bind(
        self, generators: Sequence[torch.Generator], rows: Tensor, first: Tensor, second: Tensor
    ) -> None:
        """Take over weights and moments, columns padded, and make what is the same at every step."""
        self.generators = list(generators)
        company = (0, 0, 0, max(0, self._least - len(rows)))  # of zeros, whose results nobody reads
        self._rows, self._first, self._second = (
            torch.nn.functional.pad(matrix, company) for matrix in (rows, first, second)
        )
        self._grad = torch.zeros_like(self._rows)
        weights, grad = (matrix[:, : self.architecture.size] for matrix in (self._rows, self._grad))
        self.weights = weights[: len(generators)]
        self._gradient = together(self.architecture, weights, grad, self._batch)
        shape = (len(self._rows), self._batch)
        self._inputs = self._x.new_empty(*shape, *self._x.shape[1:])
        self._targets = self._y.new_empty(*shape, *self._y.shape[1:])

    def __len__(self) -> int:
        return len(self.generators)

    @torch.no_grad()
    def epoch(self) -> None:
        """Train every hypothesis for an epoch, each in its own order."""
        n = len(self._x)
        if self._epoch_seeds is not None:
            for generator, seed in zip(
                self.generators, self._epoch_seeds[:, self._epoch].tolist(), strict=True
            ):
                generator.manual_seed(seed)
            self._epoch += 1
        orders = torch.stack([torch.randperm(n, generator=generator) for generator in self.generators])
        company = len(self._rows) - len(orders)
        step = self._adam if self._recipe.optimiser == "adam" else self._sgd
        orders = torch.cat([orders, orders[:1].expand(company, n)]).to(self._x.device)
        for start in range(0, n - self._batch + 1, self._batch):
            chosen = orders[:, start : start + self._batch].flatten()
            torch.index_select(self._x, 0, chosen, out=self._inputs.flatten(0, 1))
            torch.index_select(self._y, 0, chosen, out=self._targets.flatten(0, 1))
            self._gradient(self._inputs, self._targets)
            step()

    def _sgd(self) -> None:
        """One step of gradient descent with momentum, as ``torch.optim.SGD`` makes it."""
        self._first.mul_(self._recipe.momentum).add_(self._grad)
        self._rows.add_(self._first, alpha=-self._recipe.lr)

    def _adam(self) -> None:
        """One step of Adam in one pass over memory (the kernel behind ``torch.optim.Adam(fused=True)``)."""
        self._steps += 1
        torch._fused_adam_(  # private, but the public optimiser's bookkeeping costs as much as the step
            [self._rows],
            [self._grad],
            [self._first],
            [self._second],
            [],
            [self._steps],
            lr=self._recipe.lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    @torch.no_grad()
    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        """Return mean squared errors over all points and outputs, float64 on the CPU, shape (H,)."""
        return (predict(self.architecture, self.weights, x, self._x) - y).double().square().mean((1, 2)).cpu()

    @torch.no_grad()
    def mistakes(self, x: Tensor, y: Tensor) -> Tensor:
        """Return shares of points whose largest output isn't their label's, float64 on the CPU, (H,)."""
        wrong = predict(self.architecture, self.weights, x, self._x).argmax(2) != y.argmax(1)
        return wrong.double().mean(1).cpu()

    def keep(self, rows: Tensor) -> None:
        """Go on with those hypotheses alone; ``rows``: indices."""
        index = rows.to(self._rows.device)
        kept = (matrix.index_select(0, index) for matrix in (self._rows, self._first, self._second))
        if self._epoch_seeds is not None:
            self._epoch_seeds = self._epoch_seeds[rows.cpu()]
        self._bind([self.generators[int(row)] for row in rows], *kept)

    def state(self) -> dict[str, Any]:
        """Return what training goes on from, as tensors."""
        matrices = {"rows": self._rows, "first": self._first, "second": self._second}
        kept = {name: matrix[: len(self)].clone() for name, matrix in matrices.items()}
        orders = torch.stack([generator.get_state() for generator in self.generators])
        return {**kept, "steps": self._steps, "orders": orders}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state``, of however many hypotheses."""
        generators = [torch.Generator() for _ in state["orders"]]
        for generator, order in zip(generators, state["orders"].cpu(), strict=True):
            generator.set_state(order.clone())  # torch reads a view wrongly
        matrices = (state[name].to(self._rows) for name in ("rows", "first", "second"))
        self._bind(generators, *matrices)
        self._steps = state["steps"].to(self._rows.device)
