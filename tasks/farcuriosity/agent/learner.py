"""PPO's learner with two value heads, which also trains the curiosity."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from torch import Tensor

from farcuriosity.agent.connector import CURIOSITY, OLD_VALUES, Credit, SegmentsToBatch
from farcuriosity.agent.distributions import entropy, log_probability
from farcuriosity.agent.module import VALUES, actions_of
from farcuriosity.agent.networks import ActorCritic
from farcuriosity.agent.progress import Progress
from farcuriosity.curiosity.interface import Batch, Curiosity
from farcuriosity.curiosity.modules import get
from farcuriosity.curiosity.process_group import Divisible, ProcessGroup
from farcuriosity.environments.make import newest_frame
from gridcell import join_group, plugins

OWN = "own"  # in the state: what RLlib knows nothing of
ColumnsOf = dict[str, Tensor]


class CuriosityLearner(TorchLearner):
    """Clipped PPO (Schulman et al. 2017) on the sum of two advantages (Burda et al. 2018).

    ``learner_config_dict`` holds ``environment`` (id), ``environments`` (how many, of all runners),
    ``credit``, of the ``curiosity`` its kind and ``parameters``, and ``adam_eps``, ``anneal_over`` (steps, or
    None) and ``value_clip`` (or None).

    One of several sees all segments whole, as the others do, and keeps all statistics, fragments and modules
    itself. Of each minibatch it learns from its share of the rows; gradients are then averaged, so that all
    take the step that one alone would take, up to the order of sums.
    """

    _processes = ProcessGroup()

    def join(self, processes: ProcessGroup, meeting: str, threads: int, gpu: str | None) -> None:
        """Become one of several learners of this machine, before anything is built.

        Args:
            processes: this one among all.
            meeting: address at which they meet, as torch's process groups take it.
            threads: to compute with.
            gpu: its name in ``CUDA_VISIBLE_DEVICES``, None for none.
        """
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu or ""
        torch.set_num_threads(threads)
        join_group(processes.index, processes.count, meeting, gpus=gpu is not None, local=True)
        self._processes = processes

    def build(self) -> None:
        """Build module, optimiser and curiosity, and the connector in which they meet."""
        super().build()
        own = self.config.learner_config_dict
        plugins.receive(own["plugins"])
        seed = self.config.seed or 0
        self._generator = torch.Generator().manual_seed(seed)
        module = self.module[DEFAULT_MODULE_ID]
        shown = newest_frame(own["environment"], np.empty((1, *module.observation_space.shape)))
        curiosity = get(own["curiosity"]).build(
            shown.shape[1:],
            actions_of(module.action_space),
            own["environments"],
            seed,
            device=str(self._device),
            **own["parameters"],
        )
        if self._processes.count > 1 and isinstance(curiosity, Divisible):
            curiosity.divide(self._processes)
        self._learner_connector = SegmentsToBatch(
            Credit(**own["credit"]), own["environment"], own["environments"], curiosity, self._device
        )

    @property
    def policy(self) -> ActorCritic:
        """Return the policy's network."""
        return self.module[DEFAULT_MODULE_ID].unwrapped().net

    @property
    def curiosity(self) -> Curiosity:
        """What rewards the agent beside its environment; another one can take its place."""
        return self._learner_connector.curiosity

    @curiosity.setter
    def curiosity(self, another: Curiosity) -> None:
        self._learner_connector.curiosity = another

    @property
    def progress(self) -> Progress:
        """Return what has happened so far."""
        return self._learner_connector.progress

    def values(self) -> dict[str, float]:
        """Return the present values of what is drawn as curves, the return first."""
        judged = self._learner_connector.judged
        return self.progress.values() | judged | self.curiosity.values()

    def warm_up(self, observations: np.ndarray) -> None:
        """Start observation statistics from random steps, (N, *frame): the curiosity's, and the policy's."""
        frames = torch.from_numpy(observations).to(self._device)
        self.curiosity.warm_up(frames)
        if self.policy.architecture.inputs != "scaled":
            stacked = self.policy.architecture.shape[0] // frames.shape[1]
            repeats = (1, stacked, *(1 for _ in frames.shape[2:]))
            self.policy.observe(frames.repeat(repeats))

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Give the policy an Adam with the epsilon that was asked for."""
        parameters = self.get_parameters(self.module[module_id])
        eps = self.config.learner_config_dict["adam_eps"]
        adam = torch.optim.Adam(parameters, lr=self.config.lr, eps=eps)
        self.register_optimizer(
            module_id=module_id, optimizer=adam, params=parameters, lr_or_lr_schedule=self.config.lr
        )

    def _anneal(self) -> None:
        """Let the step size fall linearly to 0 over the run, where asked for."""
        over = self.config.learner_config_dict["anneal_over"]
        if over is None:
            return
        left = max(0.0, 1 - (self.progress.steps - self.config.total_train_batch_size) / over)
        for _, optimiser in self.get_optimizers_for_module(DEFAULT_MODULE_ID):
            for group in optimiser.param_groups:
                group["lr"] = self.config.lr * left

    def _create_iterator_if_necessary(
        self, *, training_data: TrainingData, num_epochs: int, minibatch_size: int, **_: Any
    ) -> Iterator[MultiAgentBatch]:
        """Yield minibatches drawn anew in each epoch; RLlib's own iterators copy the whole batch for that."""
        columns = self._learner_connector(episodes=training_data.episodes)
        batch, seen = columns[DEFAULT_MODULE_ID], columns[CURIOSITY]
        self._agree(batch[Postprocessing.ADVANTAGES], seen["fragments"])
        steps, environments = batch[Columns.ACTION_LOGP].shape
        self._anneal()
        recurrent = self.policy.state_size > 0
        parts = steps * environments // self._processes.count // minibatch_size

        def drawn(count: int) -> tuple[Tensor, ...]:
            return torch.randperm(count, generator=self._generator).to(self._device).chunk(parts)

        for _epoch in range(num_epochs):
            # A recurrent policy learns from whole segments; so does the curiosity, whose fragments then
            # take part in as few minibatches as can be.
            groups = drawn(environments)
            for part, group in zip(groups if recurrent else drawn(steps * environments), groups, strict=True):
                mine = part[self._processes.share]
                if recurrent:
                    rows = {name: values[:, mine] for name, values in batch.items()}
                else:
                    t, e = mine // environments, mine % environments
                    rows = {name: values[t, e] for name, values in batch.items()}
                self._watched = Batch(
                    **{name: values[:, group].flatten(0, 1) for name, values in seen.items()}
                )
                yield MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(rows)}, env_steps=minibatch_size)
        if self.policy.architecture.inputs == "running":  # afterwards: until now they were as when sampled
            self.policy.observe(batch[Columns.OBS].flatten(0, 1))

    def _agree(self, *tensors: Tensor) -> None:
        """Make sure that all learners made the same of a segment: they would wait for each other for ever.

        Raises:
            RuntimeError: they did not, for instance because their processors round differently.
        """
        mark = torch.tensor([zlib.crc32(tensor.cpu().numpy().tobytes()) for tensor in tensors])
        marks = torch.zeros(self._processes.count, *mark.shape, dtype=torch.int64)
        marks[self._processes.index] = mark
        self._processes.add([marks])
        if not (marks == mark).all():
            raise RuntimeError("The learners made different advantages or fragments of the same segment")

    def _update(self, batch: dict[str, Any], **kwargs: Any) -> tuple[Any, Any, Any]:
        """Take one step with the policy's optimiser, one with the curiosity's: they share no weights."""
        done = super()._update(batch, **kwargs)
        self.curiosity.update(self._watched)
        return done

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: ColumnsOf, fwd_out: ColumnsOf
    ) -> Tensor:
        """Return policy loss + value losses - entropy bonus, means over the minibatch."""
        outputs, continuous = fwd_out[Columns.ACTION_DIST_INPUTS], self.policy.continuous
        log_ratio = (
            log_probability(outputs, batch[Columns.ACTIONS], continuous=continuous)
            - batch[Columns.ACTION_LOGP]
        )
        ratio = log_ratio.exp()
        gain = batch[Postprocessing.ADVANTAGES]
        clipped = ratio.clamp(1 - config.clip_param, 1 + config.clip_param)
        policy_loss = -torch.min(gain * ratio, gain * clipped).mean()
        value_loss = self._value_errors(fwd_out[VALUES], batch).sum(dim=-1).mean()  # over both heads
        bonus = entropy(outputs, continuous=continuous).mean()
        self.metrics.log_dict(
            {
                "policy_loss": policy_loss.detach(),
                "value_loss": value_loss.detach(),
                "entropy": bonus.detach(),
                "kl": (ratio - 1 - log_ratio).mean().detach(),  # Schulman's estimate, never negative
                "clipped": ((ratio - 1).abs() > config.clip_param).float().mean(),
            },
            key=module_id,
            window=1,
        )
        return policy_loss + config.vf_loss_coeff * value_loss - config.entropy_coeff * bonus

    def _value_errors(self, values: Tensor, batch: ColumnsOf) -> Tensor:
        """Return squared errors of both heads; with clipping the larger of two, as in PPO's first code."""
        targets = batch[Postprocessing.VALUE_TARGETS]
        errors = (values - targets).square()
        clip = self.config.learner_config_dict["value_clip"]
        if clip is None:
            return errors
        before = batch[OLD_VALUES]
        return torch.max(errors, (before + (values - before).clamp(-clip, clip) - targets).square())

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Return RLlib's state with that of the reward scale, the curiosity and the order of minibatches.

        RLlib leaves learner connectors out of its checkpoints.
        """
        state = super().get_state(components, not_components=not_components, **kwargs)
        if self._check_component(OWN, components, not_components):
            state[OWN] = {
                "connector": self._learner_connector.get_state(),
                "generator": self._generator.get_state(),
            }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up a state; step size and epsilon are those of the settings, which a stage may change."""
        super().set_state(state)
        for _, optimiser in self.get_optimizers_for_module(DEFAULT_MODULE_ID):
            for group in optimiser.param_groups:
                group["lr"] = self.config.lr
                group["eps"] = self.config.learner_config_dict["adam_eps"]
        if own := state.get(OWN):
            self._learner_connector.set_state(own["connector"])
            self._generator.set_state(own["generator"])
