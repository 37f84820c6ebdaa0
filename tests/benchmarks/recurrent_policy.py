"""One gradient of the published policy over a segment: stretches of ``nn.LSTM`` against a loop of cells.

128 steps of 2 environments, frames of 4 x 84 x 84, 512 units, one thread; now and then an episode begins in
the middle. The loop of cells, with convolutions as torch lays them out by default, is how the policy was
computed before. In processor time: what else the machine does disturbs that least.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from farcuriosity.agent.networks import ActorCritic, Architecture

STEPS, ENVIRONMENTS, ACTIONS, UNITS = 128, 2, 6, 512
ROUNDS = 3
AIMS = {"LSTM, stretches / cells": "<= 0.5", "no LSTM, channels last / first": "<= 0.8"}


class Cells(nn.Module):
    """The policy with a loop of cells, or without a memory."""

    def __init__(self, units: int) -> None:
        super().__init__()
        body = [nn.Conv2d(4, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, 64, 3)]
        layers = [layer for convolution in body for layer in (convolution, nn.ReLU())]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(3136, 512), nn.ReLU())
        self.cell = nn.LSTMCell(512 + ACTIONS, units) if units else None
        self.heads = nn.Linear(units or 512, ACTIONS + 2)

    def forward(self, observations: Tensor, actions: Tensor, starts: Tensor) -> Tensor:
        seen = self.encoder(observations.flatten(0, 1).float() / 255)
        if self.cell is None:
            return self.heads(seen)
        goes_on = (~starts).float()[..., None]
        before = nn.functional.one_hot(actions, ACTIONS).float() * goes_on
        inputs = torch.cat([seen.view(*starts.shape, -1), before], dim=-1)
        hidden = memory = torch.zeros(starts.shape[1], self.cell.hidden_size)
        found = []
        for t in range(len(starts)):
            hidden, memory = self.cell(inputs[t], (hidden * goes_on[t], memory * goes_on[t]))
            found.append(hidden)
        return self.heads(torch.stack(found))


def measure() -> dict[str, float]:
    """Measure on one thread; ratios first, then milliseconds."""
    torch.set_num_threads(1)
    draws = torch.Generator().manual_seed(0)
    observations = torch.randint(256, (STEPS, ENVIRONMENTS, 4, 84, 84), generator=draws, dtype=torch.uint8)
    actions = torch.randint(ACTIONS, (STEPS, ENVIRONMENTS), generator=draws)
    starts = torch.rand(STEPS, ENVIRONMENTS, generator=draws) < 0.005
    found = {}
    for name, units in (("LSTM", UNITS), ("no LSTM", 0)):
        cells = Cells(units)

        def before(cells: Cells = cells) -> Tensor:
            return cells(observations, actions, starts).square().mean()

        found[f"{name}, cells"] = _timed(cells, before)
        for precision in ("float32", "bfloat16"):
            architecture = Architecture(
                (4, 84, 84), ACTIONS, scale=255, lstm=units, bfloat16=precision == "bfloat16"
            )
            net = ActorCritic(architecture)
            state = torch.zeros(ENVIRONMENTS, net.state_size)

            def loss(net: ActorCritic = net, state: Tensor = state) -> Tensor:
                outputs, values, _ = net(observations, actions, starts, state)
                return outputs.square().mean() + values.square().mean()

            found[f"{name}, stretches, {precision}"] = _timed(net, loss)
    ratios = {
        "LSTM, stretches / cells": found["LSTM, stretches, float32"] / found["LSTM, cells"],
        "no LSTM, channels last / first": found["no LSTM, stretches, float32"] / found["no LSTM, cells"],
        "LSTM, bfloat16 / float32": found["LSTM, stretches, bfloat16"] / found["LSTM, stretches, float32"],
    }
    return ratios | {f"{name}, ms": seconds * 1e3 for name, seconds in found.items()}


def _timed(net: nn.Module, loss: Callable[[], Tensor]) -> float:
    taken = []
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        net.zero_grad()
        loss().backward()
        taken.append(time.process_time() - begun)
    return min(taken[1:])
