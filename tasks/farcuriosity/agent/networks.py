"""The agent's networks: an encoder that suits the observation, a policy and two value heads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

SMALLEST_FRAME = 36  # px: smaller images than this are too small for the three strided convolutions
_CLIP = 5.0  # largest magnitude of a normalised number

Convolutions = Literal["nature", "released"]
Inputs = Literal["scaled", "start", "running"]


@dataclass(frozen=True)
class Architecture:
    """What a network is built as; kept with its weights.

    Attributes:
        shape: of an observation: (channels, rows, columns) or (numbers,).
        actions: number of choices, or of numbers if ``continuous``.
        continuous: actions are numbers, drawn from a normal distribution whose deviations are parameters.
        scale: observations are divided by it.
        features: that the encoder gives.
        lstm: units of the LSTM; 0 for none.
        convolutions: over frames of at least 36 pixels: ``nature``: those of Mnih et al. 2015; ``released``:
            16 of 8x8, stride 4, and 32 of 4x4, stride 2.
        inputs: what observations pass beside the scale: nothing (``scaled``), normalisation by running
            statistics (``running``), or by those of the random steps before training (``start``).
        bfloat16: compute in bfloat16, but for the heads' results.
    """

    shape: tuple[int, ...]
    actions: int
    continuous: bool = False
    scale: float = 1.0
    features: int = 512
    lstm: int = 512
    convolutions: Convolutions = "nature"
    inputs: Inputs = "scaled"
    bfloat16: bool = False


class Observations(nn.Module):
    """Converts observations to float32, divides them by a constant, and normalises them where asked to.

    Args:
        shape: of one observation.
        scale: the constant.
        inputs: see ``Architecture``.
    """

    mean: Tensor
    squares: Tensor
    count: Tensor

    def __init__(self, shape: Sequence[int], scale: float, inputs: Inputs) -> None:
        super().__init__()
        self._scale, self._normalising, self._image = scale, inputs != "scaled", len(shape) == 3
        if self._normalising:
            self.register_buffer("mean", torch.zeros(*shape))
            self.register_buffer("squares", torch.zeros(*shape))  # sum of squared deviations from the mean
            self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, observations: Tensor) -> Tensor:
        """Convert, keeping the shape."""
        seen = observations.float()
        if self._scale != 1:
            seen = seen / self._scale
        if self._normalising:
            variance = self.squares / self.count.clamp(min=1).float()
            variance = torch.where(self.count > 0, variance, torch.ones_like(variance))
            seen = ((seen - self.mean) * (variance + 1e-8).rsqrt()).clamp(-_CLIP, _CLIP)
        return seen.contiguous(memory_format=torch.channels_last) if self._image else seen

    @torch.no_grad()
    def observe(self, observations: Tensor) -> None:
        """Take observations into the statistics, of shape ``(N, *shape)``."""
        if not self._normalising:
            return
        for part in observations.split(1024):
            seen = part.to(self.mean.device).float() / self._scale
            variance, mean = torch.var_mean(seen, dim=0, correction=0)
            total = self.count + len(seen)
            apart, share = mean - self.mean, (len(seen) / total).float()
            self.squares += variance * len(seen) + apart.square() * self.count.float() * share
            self.mean += apart * share
            self.count.copy_(total)


def encoder(
    shape: Sequence[int],
    features: int,
    *,
    scale: float = 1.0,
    convolutions: Convolutions = "nature",
    inputs: Inputs = "scaled",
) -> nn.Sequential:
    """Build a network from observations to features.

    Large images go through strided convolutions, small ones (grids of symbols, thumbnails) through two 3x3
    convolutions, vectors through two tanh layers. Convolutions are laid out with channels last, which
    processors compute faster.
    """
    first = Observations(shape, scale, inputs)
    if len(shape) == 1:
        layers: list[nn.Module] = [
            _scaled(nn.Linear(shape[0], features)),
            nn.Tanh(),
            _scaled(nn.Linear(features, features)),
            nn.Tanh(),
        ]
        return nn.Sequential(first, *layers)
    channels = shape[0]
    if min(shape[1:]) < SMALLEST_FRAME:
        body = [nn.Conv2d(channels, 16, 3, padding=1), nn.Conv2d(16, 32, 3, stride=2, padding=1)]
    elif convolutions == "released":
        body = [nn.Conv2d(channels, 16, 8, stride=4), nn.Conv2d(16, 32, 4, stride=2)]
    else:
        body = [
            nn.Conv2d(channels, 32, 8, stride=4),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.Conv2d(64, 64, 3, stride=1),
        ]
    layers = [each for layer in body for each in (_scaled(layer), nn.ReLU())]
    front = nn.Sequential(first, *layers, nn.Flatten()).to(memory_format=torch.channels_last)
    with torch.no_grad():
        flat = front(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(*front, _scaled(nn.Linear(flat, features)), nn.ReLU())


def _scaled(layer: nn.Linear | nn.Conv2d, gain: float = sqrt(2)) -> nn.Module:
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ActorCritic(nn.Module):
    """Encoder, optionally an LSTM that also sees the previous action, policy, and two value heads."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.continuous = a.continuous
        self.encoder = encoder(
            a.shape, a.features, scale=a.scale, convolutions=a.convolutions, inputs=a.inputs
        )
        self.lstm = nn.LSTM(a.features + a.actions, a.lstm) if a.lstm else None
        if self.lstm is not None:
            for name, parameter in self.lstm.named_parameters():
                nn.init.orthogonal_(parameter) if "weight" in name else nn.init.zeros_(parameter)
        width = a.lstm or a.features
        self.policy = _scaled(nn.Linear(width, a.actions), 0.01)
        self.value = _scaled(nn.Linear(width, 2), 1.0)
        self.log_deviation = nn.Parameter(torch.zeros(a.actions)) if a.continuous else None

    @property
    def state_size(self) -> int:
        """Numbers of recurrent state per environment."""
        return 2 * self.lstm.hidden_size if self.lstm is not None else 0

    def no_actions(self, count: int) -> Tensor:
        """Return previous actions for the start of ``count`` episodes, as ``forward`` takes them."""
        if self.continuous:
            return torch.zeros(count, self.architecture.actions)
        return torch.zeros(count, dtype=torch.int64)

    def observe(self, observations: Tensor) -> None:
        """Take observations, of shape ``(N, *observation)``, into the statistics that normalise inputs."""
        first = self.encoder[0]
        assert isinstance(first, Observations)
        first.observe(observations)

    def forward(
        self, observations: Tensor, previous_actions: Tensor, starts: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute policy and values.

        Args:
            observations: shape (N, *observation), or (T, N, *observation) of T successive steps.
            previous_actions: int64, shape (N,) or (T, N), or float, (..., numbers); not looked at where
                ``starts``.
            starts: bool, (N,) or (T, N): a new episode starts, with an empty state.
            state: before the first step, shape (N, state_size).

        Returns:
            What ``distributions`` takes as outputs, values (..., 2), and the state after the last step
            (N, state_size).
        """
        with self._precision(observations.device.type):
            if self.lstm is None:
                rows = starts.dim()  # (N,) or (T, N)
                features = self.encoder(observations.flatten(0, rows - 1)).unflatten(0, starts.shape)
            else:
                features, state = self._remember(observations, previous_actions, starts, state)
            outputs, values = self.policy(features).float(), self.value(features).float()
        if self.log_deviation is not None:
            outputs = torch.cat([outputs, self.log_deviation.expand_as(outputs)], dim=-1)
        return outputs, values, state

    def _precision(self, device: str) -> AbstractContextManager[Any]:
        if not self.architecture.bfloat16:
            return nullcontext()
        return torch.autocast(device, torch.bfloat16)

    def _remember(
        self, observations: Tensor, previous_actions: Tensor, starts: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pass features through the LSTM, whole stretches of time at once: up to where an episode begins."""
        assert self.lstm is not None
        if single := starts.dim() == 1:
            observations, previous_actions, starts = observations[None], previous_actions[None], starts[None]
        steps, count = starts.shape
        seen = self.encoder(observations.flatten(0, 1)).view(steps, count, -1)
        goes_on = (~starts).float().unsqueeze(-1)
        if self.continuous:
            before = previous_actions.float()
        else:
            before = nn.functional.one_hot(previous_actions, self.architecture.actions).float()
        inputs = torch.cat([seen, (before * goes_on).to(seen.dtype)], dim=-1)
        hidden, cell = state.float().chunk(2, dim=-1)
        cuts = [0, *(starts[1:].any(dim=1).nonzero().flatten() + 1).tolist(), steps]
        parts = []
        for start, end in pairwise(cuts):
            keep = goes_on[start]
            now = ((hidden * keep)[None].contiguous(), (cell * keep)[None].contiguous())
            part, (hidden, cell) = self.lstm(inputs[start:end], now)
            hidden, cell = hidden[0].float(), cell[0].float()
            parts.append(part)
        features = torch.cat(parts)
        return features[0] if single else features, torch.cat([hidden, cell], dim=-1)


def policy_state(net: ActorCritic) -> dict[str, Any]:
    """Return weights and what the network is built as, in values that load with ``weights_only=True``."""
    return {
        "built_as": asdict(net.architecture) | {"shape": list(net.architecture.shape)},
        "weights": net.state_dict(),
    }


def policy_from(state: dict[str, Any]) -> ActorCritic:
    """Rebuild a network from what ``policy_state`` returned, on the CPU."""
    built_as = dict(state["built_as"])
    net = ActorCritic(Architecture(**built_as | {"shape": tuple(built_as["shape"])}))
    net.load_state_dict(state["weights"])
    return net


def save_policy(net: ActorCritic, path: Path) -> None:
    """Write a network; loads with ``weights_only=True``."""
    torch.save(policy_state(net), path)


def load_policy(path: Path) -> ActorCritic:
    """Rebuild a network that ``save_policy`` wrote, on the CPU."""
    return policy_from(torch.load(path, map_location="cpu", weights_only=True))
