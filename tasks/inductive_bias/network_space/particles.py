"""Networks as particles: a hypothesis is its initial weights and the order in which it sees its data."""

import numpy as np
import torch
from torch import Tensor

from inductive_bias.network_space.architectures import from_scores
from inductive_bias.network_space.gradients import Network
from inductive_bias.network_space.training import Recipe, Stack
from inductive_bias.splitting.levels import Floats, States
from inductive_bias.splitting.moves import autoregressive


class NetworkParticles:
    """Networks that are trained anew whenever their start or their order of data moves.

    A particle holds the normal scores of its initial weights (float32, P) and a seed for each epoch's order
    (int64, max_epochs): another, equal way to draw what ``train_hypotheses`` draws.

    Args:
        architecture: of all.
        recipe: how to train.
        train: float32 inputs (n, ...) and targets (n, k), on the device to train on.
        test: likewise.
        at_once: networks trained side by side.
        mistakes: measure shares of mistakes instead of squared errors.
    """

    def __init__(
        self,
        architecture: Network,
        recipe: Recipe,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        *,
        at_once: int,
        mistakes: bool = False,
    ) -> None:
        self._architecture, self._recipe = architecture, recipe
        self._train, self._test, self._at_once = train, test, at_once
        self._mistakes = mistakes

    def draw(self, count: int, draws: np.random.Generator) -> States:
        """Return networks as they are drawn at random."""
        scores = draws.standard_normal((count, self._architecture.size), dtype=np.float32)
        return {"scores": scores, "orders": self._seeds(count, draws)}

    def move(self, states: States, step: float, draws: np.random.Generator) -> States:
        """Return networks that start near those given and see most epochs' data in the same order.

        Each epoch's order is drawn anew with probability ``step^2``, the share of variance that a score's
        move renews; to draw some of several independent variables anew is reversible.
        """
        scores = autoregressive(states["scores"], step, draws).astype(np.float32)
        fresh = self._seeds(len(scores), draws)
        renewed = draws.random(fresh.shape) < step**2
        return {"scores": scores, "orders": np.where(renewed, fresh, states["orders"])}

    def errors(self, states: States) -> Floats:
        """Return test errors of the trained networks, infinite for those that don't fit."""
        found = np.full(len(states["scores"]), np.inf)
        for first in range(0, len(found), self._at_once):
            rows = slice(first, first + self._at_once)
            found[rows] = self._trained(
                torch.from_numpy(states["scores"][rows]), torch.from_numpy(states["orders"][rows])
            )
        return found

    def _seeds(self, count: int, draws: np.random.Generator) -> np.ndarray:
        return draws.integers(2**62, size=(count, self._recipe.max_epochs))

    def _trained(self, scores: Tensor, orders: Tensor) -> Floats:
        """Train one stack until every network fits or its epochs are used up."""
        recipe = self._recipe
        stack = Stack(
            self._architecture,
            [torch.Generator() for _ in scores],
            *self._train,
            recipe,
            alone=self._at_once == 1,
            weights=from_scores(self._architecture, scores),
            epoch_seeds=orders,
        )
        found = np.full(len(scores), np.inf)
        alive = torch.arange(len(scores))
        epochs = 0
        while epochs < recipe.max_epochs:
            rounds = min(recipe.check_every, recipe.max_epochs - epochs)
            for _ in range(rounds):
                stack.epoch()
            epochs += rounds
            fits = stack.errors(*self._train) <= recipe.fit_error  # NaN, of a network that diverged, does not
            if fits.any():
                measured = stack.mistakes(*self._test) if self._mistakes else stack.errors(*self._test)
                found[alive[fits].numpy()] = measured[fits].numpy()
                stay = (~fits).nonzero().flatten()
                if not len(stay):
                    break
                alive = alive[stay]
                stack.keep(stay)
        return found
