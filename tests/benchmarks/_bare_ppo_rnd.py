"""PPO with random network distillation as one plain loop, as CleanRL writes it: what the platform is held to.

The same networks, batch, epochs, optimiser and vector environment as the benchmark's; nothing but what the
algorithm needs: no runner, no connector, no metrics, no checkpoint.
"""

import gymnasium
import numpy as np
import torch
from torch import nn


def layer(module: nn.Module, gain: float = 2**0.5) -> nn.Module:
    nn.init.orthogonal_(module.weight, gain)
    nn.init.zeros_(module.bias)
    return module


class Agent(nn.Module):
    """Encoder, policy and two value heads."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            layer(nn.Conv2d(4, 32, 8, 4)),
            nn.ReLU(),
            layer(nn.Conv2d(32, 64, 4, 2)),
            nn.ReLU(),
            layer(nn.Conv2d(64, 64, 3, 1)),
            nn.ReLU(),
            nn.Flatten(),
            layer(nn.Linear(3136, 512)),
            nn.ReLU(),
        )
        self.actor, self.critic = layer(nn.Linear(512, actions), 0.01), layer(nn.Linear(512, 2), 1.0)

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.network(observations / 255.0)
        return self.actor(hidden), self.critic(hidden)


class Distillation(nn.Module):
    """A frozen random network and its predictor."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = nn.Sequential(
            *self._encoder(), nn.ReLU(), layer(nn.Linear(512, 512)), nn.ReLU(), layer(nn.Linear(512, 512))
        )
        self.target = nn.Sequential(*self._encoder()).requires_grad_(False)

    @staticmethod
    def _encoder() -> list[nn.Module]:
        return [
            layer(nn.Conv2d(1, 32, 8, 4)),
            nn.LeakyReLU(),
            layer(nn.Conv2d(32, 64, 4, 2)),
            nn.LeakyReLU(),
            layer(nn.Conv2d(64, 64, 3, 1)),
            nn.LeakyReLU(),
            nn.Flatten(),
            layer(nn.Linear(3136, 512)),
        ]

    def errors(self, frames: torch.Tensor) -> torch.Tensor:
        return (self.predictor(frames) - self.target(frames)).square().mean(dim=1)


class BareLoop:
    """One update a call; ``curious`` with distillation, otherwise PPO alone."""

    def __init__(self, environment: str, environments: int, steps: int, *, curious: bool) -> None:
        self.count, self.steps, self.curious = environments, steps, curious
        self.envs = gymnasium.make_vec(
            environment,
            num_envs=environments,
            vectorization_mode="vector_entry_point",
            frameskip=4,
            repeat_action_probability=0.0,
            reward_clipping=False,
            use_fire_reset=False,
            num_threads=1,
            autoreset_mode="SameStep",
        )
        self.agent = Agent(self.envs.single_action_space.n)
        self.distillation = Distillation()
        parameters = [
            *self.agent.parameters(),
            *(self.distillation.predictor.parameters() if curious else ()),
        ]
        self.optimiser = torch.optim.Adam(parameters, lr=1e-4)
        self.observations = self.envs.reset(seed=0)[0]
        self.mean, self.squares, self.seen = np.zeros((1, 84, 84)), np.ones((1, 84, 84)), 1e-4
        self.sums, self.returns = np.zeros(environments), np.ones(1)

    def update(self) -> None:
        observations, actions, logged, values, rewards, ends = self.rollout()
        with torch.no_grad():
            last = self.agent(torch.from_numpy(self.observations).float())[1]
            intrinsic = torch.zeros(self.steps, self.count)
            if self.curious:
                frames = torch.cat([observations[1:], torch.from_numpy(self.observations)[None]])[:, :, 3:]
                frames = self.normalised(frames.flatten(0, 1))
                intrinsic = torch.cat([self.distillation.errors(part) for part in frames.split(1024)])
                intrinsic = self.scaled(intrinsic.view(self.steps, self.count))
            both = torch.stack([rewards.sign(), intrinsic], dim=-1)
            advantages, following = torch.zeros_like(values), torch.zeros(self.count, 2)
            for t in reversed(range(self.steps)):
                goes_on = (~ends[t]).float()[:, None]
                after = last if t == self.steps - 1 else values[t + 1]
                delta = both[t] + 0.99 * after * goes_on - values[t]
                advantages[t] = following = delta + 0.99 * 0.95 * goes_on * following
            targets = (advantages + values).flatten(0, 1)
            gain = advantages.sum(-1).flatten()
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            observations, actions, logged = observations.flatten(0, 1), actions.flatten(), logged.flatten()
        for _epoch in range(4):
            for rows in torch.randperm(len(actions)).chunk(4):
                logits, value = self.agent(observations[rows].float())
                log_policy = logits.log_softmax(-1)
                ratio = (log_policy.gather(1, actions[rows, None])[:, 0] - logged[rows]).exp()
                clipped = ratio.clamp(0.9, 1.1)
                loss = -torch.min(gain[rows] * ratio, gain[rows] * clipped).mean()
                loss = loss + 0.5 * (value - targets[rows]).square().sum(-1).mean()
                loss = loss + 0.001 * (log_policy.exp() * log_policy).sum(-1).mean()
                if self.curious:
                    chosen = rows[torch.rand(len(rows)) < 0.25]
                    loss = loss + self.distillation.errors(frames[chosen]).mean()
                self.optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_([p for g in self.optimiser.param_groups for p in g["params"]], 1.0)
                self.optimiser.step()

    @torch.no_grad()
    def rollout(self) -> tuple[torch.Tensor, ...]:
        shape = (self.steps, self.count)
        observations = torch.empty(*shape, 4, 84, 84, dtype=torch.uint8)
        actions, logged = torch.empty(shape, dtype=torch.int64), torch.empty(shape)
        values, rewards, ends = (
            torch.empty(*shape, 2),
            torch.empty(shape),
            torch.empty(shape, dtype=torch.bool),
        )
        for t in range(self.steps):
            observations[t] = torch.from_numpy(self.observations)
            logits, values[t] = self.agent(observations[t].float())
            log_policy = logits.log_softmax(-1)
            actions[t] = torch.multinomial(log_policy.exp(), 1)[:, 0]
            logged[t] = log_policy.gather(1, actions[t, :, None])[:, 0]
            self.observations, reward, terminal, cut, _ = self.envs.step(actions[t].numpy())
            rewards[t], ends[t] = torch.from_numpy(reward).float(), torch.from_numpy(terminal | cut)
        return observations, actions, logged, values, rewards, ends

    def normalised(self, frames: torch.Tensor) -> torch.Tensor:
        new = frames.float()
        count, mean, variance = len(new), new.mean(0).numpy(), new.var(0).numpy()
        apart, total = mean - self.mean, self.seen + count
        self.squares = self.squares + variance * count + apart**2 * self.seen * count / total
        self.mean, self.seen = self.mean + apart * count / total, total
        centre = torch.from_numpy(self.mean).float()
        scale = torch.from_numpy(np.sqrt(self.squares / self.seen) + 1e-8).float()
        return ((new - centre) / scale).clamp(-5, 5)

    def scaled(self, rewards: torch.Tensor) -> torch.Tensor:
        found = []
        for reward in rewards.numpy():
            self.sums = 0.99 * self.sums + reward
            found.append(self.sums)
        self.returns = np.concatenate([self.returns, *found])[-100_000:]
        return rewards / float(self.returns.std() + 1e-8)
