"""Training hypotheses: each from its own seed, until it fits the data; how many at once is only speed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gridcell.data.seeds import generator as named_generator
from gridcell.errors import Diverged
from inductive_bias.network_space.architectures import Architecture, initialise
from inductive_bias.network_space.gradients import Gradient, loop_gradient, predict, stacked_gradient


@dataclass(frozen=True)
class Recipe:
    """How a hypothesis is trained.

    Attributes:
        lr: of Adam (betas 0.9 and 0.999, epsilon 1e-8).
        batch_size: samples a step; an epoch leaves out the remainder.
        max_epochs: a hypothesis that doesn't fit by then is no sample.
        check_every: epochs between two looks at the training error.
        fit_error: mean squared training error at which it counts as fitting.
    """

    lr: float = 1e-3
    batch_size: int = 50
    max_epochs: int = 200
    check_every: int = 10
    fit_error: float = 1e-3


@dataclass(frozen=True, eq=False)
class Trained:
    """What became of hypotheses, each a row.

    Attributes:
        fitted: bool, shape (H,): reached the training error.
        train_error: float64, shape (H,), mean squared, when it stopped.
        test_error: float64, shape (H,), likewise.
        epochs: int64, shape (H,), trained.
    """

    fitted: Tensor
    train_error: Tensor
    test_error: Tensor
    epochs: Tensor


def hypothesis_generator(suite_seed: int, index: int) -> torch.Generator:
    """Return the generator of hypothesis ``index``: of its initial weights, then of its order of data.

    It depends on nothing else, so a hypothesis is the same in whatever cell and stack it is trained.
    """
    seed = int(named_generator(suite_seed, "hypothesis", index).integers(2**62))
    return torch.Generator().manual_seed(seed)


class Stack:
    """Hypotheses trained side by side with one Adam: weights and moments are matrices, a row each."""

    def __init__(
        self,
        architecture: Architecture,
        generators: list[torch.Generator],
        x: Tensor,
        y: Tensor,
        recipe: Recipe,
        *,
        together: bool,
    ) -> None:
        """Draw the hypotheses.

        Args:
            architecture: of all.
            generators: one a hypothesis.
            x: float32 training inputs (n, ...), on the device to train on.
            y: float32 training targets (n, k), likewise.
            recipe: how to train.
            together: batched products for the whole stack, or one hypothesis after another.
        """
        self.architecture = architecture
        self.generators = generators
        self._x, self._y = x, y
        self._batch = min(recipe.batch_size, len(x))
        self._lr = recipe.lr
        self._gradient: Gradient = (stacked_gradient if together else loop_gradient)(architecture)
        drawn = torch.stack([initialise(architecture, generator) for generator in generators])
        self.weights = drawn.to(device=x.device, dtype=x.dtype)
        self._grad = torch.zeros_like(self.weights)
        self._first = torch.zeros_like(self.weights)
        self._second = torch.zeros_like(self.weights)
        self._steps = torch.zeros((), device=x.device)

    def __len__(self) -> int:
        return len(self.weights)

    @torch.no_grad()
    def epoch(self) -> None:
        """Train every hypothesis for an epoch, each in its own order."""
        n = len(self._x)
        orders = torch.stack([torch.randperm(n, generator=generator) for generator in self.generators])
        orders = orders.to(self._x.device)
        for start in range(0, n - self._batch + 1, self._batch):
            chosen = orders[:, start : start + self._batch]
            with torch.enable_grad():
                self._gradient(self.weights, self._x[chosen], self._y[chosen], self._grad)
            self._adam()

    def _adam(self) -> None:
        """One step of Adam in one pass over memory (the kernel behind ``torch.optim.Adam(fused=True)``)."""
        self._steps += 1
        torch._fused_adam_(  # private, but the public optimiser's bookkeeping costs as much as the step
            [self.weights],
            [self._grad],
            [self._first],
            [self._second],
            [],
            [self._steps],
            lr=self._lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def errors(self, x: Tensor, y: Tensor) -> Tensor:
        """Return mean squared errors over all points and outputs, float64, shape (H,)."""
        with torch.no_grad():
            return (predict(self.architecture, self.weights, x) - y).double().square().mean((1, 2)).cpu()

    def keep(self, rows: Tensor) -> None:
        """Go on with those hypotheses alone; ``rows``: indices."""
        self.generators = [self.generators[int(row)] for row in rows]
        index = rows.to(self.weights.device)
        for name in ("weights", "_grad", "_first", "_second"):
            setattr(self, name, getattr(self, name).index_select(0, index))


def train_stack(
    stack: Stack, recipe: Recipe, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> Trained:
    """Train a stack until every hypothesis fits or its epochs are used up.

    Args:
        stack: just drawn.
        recipe: how to train.
        train: inputs and targets that have to be fitted.
        test: inputs and targets on which errors are measured when a hypothesis stops.

    Raises:
        Diverged: a training error is not finite.
    """
    total = len(stack)
    fitted = torch.zeros(total, dtype=torch.bool)
    train_error, test_error = (
        torch.full((total,), torch.nan).double(),
        torch.full((total,), torch.nan).double(),
    )
    epochs = torch.zeros(total, dtype=torch.int64)
    alive = torch.arange(total)
    done = 0
    while len(alive) and done < recipe.max_epochs:
        rounds = min(recipe.check_every, recipe.max_epochs - done)
        for _ in range(rounds):
            stack.epoch()
        done += rounds
        current = stack.errors(*train)
        if not current.isfinite().all():
            raise Diverged(f"a hypothesis' training error is not finite after {done} epochs")
        reached = current <= recipe.fit_error
        ends = reached | (done >= recipe.max_epochs)
        if ends.any():
            rows = alive[ends]
            fitted[rows], train_error[rows], epochs[rows] = reached[ends], current[ends], done
            test_error[rows] = stack.errors(*test)[ends]
            stay = (~ends).nonzero().flatten()
            alive = alive[stay]
            stack.keep(stay)
    return Trained(fitted, train_error, test_error, epochs)
