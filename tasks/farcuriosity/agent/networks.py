"""The agent's networks: an encoder that suits the observation, a policy and two value heads."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor, nn

SMALLEST_FRAME = 36  # px: smaller images than this are too small for the three strided convolutions


class ToUnit(nn.Module):
    """uint8 images to float32 in [0, 1]; anything else to float32 as it is."""

    def forward(self, observations: Tensor) -> Tensor:
        """Convert, keeping the shape."""
        return observations.float() / 255 if observations.dtype == torch.uint8 else observations.float()


def encoder(shape: Sequence[int], features: int) -> nn.Sequential:
    """Build a network from observations to features.

    Large images go through the convolutions of Mnih et al. 2015, small ones (grids of symbols, thumbnails)
    through two 3x3 convolutions, vectors through two tanh layers.

    Args:
        shape: of an observation: (channels, rows, columns) or (numbers,).
        features: numbers that come out.
    """
    if len(shape) == 1:
        layers: list[nn.Module] = [
            _scaled(nn.Linear(shape[0], features)),
            nn.Tanh(),
            _scaled(nn.Linear(features, features)),
            nn.Tanh(),
        ]
        return nn.Sequential(ToUnit(), *layers)
    channels = shape[0]
    if min(shape[1:]) >= SMALLEST_FRAME:
        convolutions = [
            *(_scaled(nn.Conv2d(channels, 32, 8, stride=4)), nn.ReLU()),
            *(_scaled(nn.Conv2d(32, 64, 4, stride=2)), nn.ReLU()),
            *(_scaled(nn.Conv2d(64, 64, 3, stride=1)), nn.ReLU()),
        ]
    else:
        convolutions = [
            *(_scaled(nn.Conv2d(channels, 16, 3, padding=1)), nn.ReLU()),
            *(_scaled(nn.Conv2d(16, 32, 3, stride=2, padding=1)), nn.ReLU()),
        ]
    front = nn.Sequential(ToUnit(), *convolutions, nn.Flatten())
    with torch.no_grad():
        flat = front(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(*front, _scaled(nn.Linear(flat, features)), nn.ReLU())


def _scaled(layer: nn.Linear | nn.Conv2d, gain: float = sqrt(2)) -> nn.Module:
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ActorCritic(nn.Module):
    """Encoder, optionally an LSTM that also sees the previous action, policy, and two value heads.

    Args:
        shape: of an observation.
        actions: number of actions.
        features: that the encoder gives.
        lstm: units of the LSTM; 0 for none.
    """

    def __init__(self, shape: Sequence[int], actions: int, *, features: int, lstm: int) -> None:
        super().__init__()
        self.built_as = {"shape": list(shape), "actions": actions, "features": features, "lstm": lstm}
        self.actions = actions
        self.encoder = encoder(shape, features)
        self.lstm = nn.LSTMCell(features + actions, lstm) if lstm else None
        if self.lstm is not None:
            for name, parameter in self.lstm.named_parameters():
                nn.init.orthogonal_(parameter) if "weight" in name else nn.init.zeros_(parameter)
        width = lstm or features
        self.policy = _scaled(nn.Linear(width, actions), 0.01)
        self.value = _scaled(nn.Linear(width, 2), 1.0)

    @property
    def state_size(self) -> int:
        """Numbers of recurrent state per environment."""
        return 2 * self.lstm.hidden_size if self.lstm is not None else 0

    def forward(
        self, observations: Tensor, previous_actions: Tensor, starts: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute policy and values.

        Args:
            observations: shape (N, *observation), or (T, N, *observation) of T successive steps.
            previous_actions: int64, shape (N,) or (T, N); not looked at where ``starts``.
            starts: bool, likewise: a new episode starts, with an empty state.
            state: before the first step, shape (N, state_size).

        Returns:
            Logits (..., actions), values (..., 2), and the state after the last step (N, state_size).
        """
        if self.lstm is None:
            features = self.encoder(observations)
            return self.policy(features), self.value(features), state
        if single := starts.dim() == 1:
            observations, previous_actions, starts = observations[None], previous_actions[None], starts[None]
        steps, count = starts.shape
        seen = self.encoder(observations.flatten(0, 1)).view(steps, count, -1)
        goes_on = (~starts).float().unsqueeze(-1)
        before = nn.functional.one_hot(previous_actions, self.actions).float() * goes_on
        inputs = torch.cat([seen, before], dim=-1)
        hidden, cell = state.chunk(2, dim=-1)
        outputs = []
        for t in range(steps):
            hidden, cell = self.lstm(inputs[t], (hidden * goes_on[t], cell * goes_on[t]))
            outputs.append(hidden)
        features = torch.stack(outputs)
        if single:
            features = features[0]
        return self.policy(features), self.value(features), torch.cat([hidden, cell], dim=-1)


def save_policy(net: ActorCritic, path: Path) -> None:
    """Write weights and what the network is built as; loads with ``weights_only=True``."""
    torch.save({"built_as": net.built_as, "weights": net.state_dict()}, path)


def load_policy(path: Path) -> ActorCritic:
    """Rebuild a network that ``save_policy`` wrote, on the CPU."""
    held = torch.load(path, map_location="cpu", weights_only=True)
    net = ActorCritic(**held["built_as"])
    net.load_state_dict(held["weights"])
    return net
