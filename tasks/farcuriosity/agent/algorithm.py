"""PPO with these runners, learner and module: RLlib's configuration from plain arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from tempfile import gettempdir
from typing import Any

import ray
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.tune.registry import register_env

from farcuriosity.agent.connector import Credit
from farcuriosity.agent.learner import CuriosityLearner
from farcuriosity.agent.learner_group import SegmentLearnerGroup
from farcuriosity.agent.local import local_ray
from farcuriosity.agent.module import ActorCriticModule
from farcuriosity.agent.networks import Convolutions, Inputs
from farcuriosity.agent.runner import SegmentRunner
from farcuriosity.environments.make import make_vector
from gridcell import plugins

__all__ = ["Recipe", "build_algorithm", "learner_of", "local_ray"]

_ENVIRONMENT = "farcuriosity"  # as RLlib knows it; the runner's settings say which it is


class CuriosityPPOConfig(PPOConfig):
    """RLlib's configuration of PPO, with learners that see segments whole."""

    def build_learner_group(
        self, *, env: Any = None, spaces: Any = None, rl_module_spec: Any = None, placement_group: Any = None
    ) -> SegmentLearnerGroup:
        """Build the learners."""
        spec = rl_module_spec or self.get_multi_rl_module_spec(env=env, spaces=spaces)
        return SegmentLearnerGroup(config=self.copy(), module_spec=spec, placement_group=placement_group)


class CuriosityPPO(PPO):
    """RLlib's PPO, which leaves no folder of its own in the user's home: the platform keeps the results."""

    env_runner_group: EnvRunnerGroup

    def setup(self, config: PPOConfig) -> None:
        """Build runners and learners; see ``overrides`` for why runners come last within a reservation."""
        if not config.num_env_runners or ray.util.get_current_placement_group() is None:
            super().setup(config)
            return
        self.config = config.copy(copy_frozen=False).env_runners(num_env_runners=0)
        self.config.freeze()
        super().setup(self.config)
        self.env_runner_group.stop()
        self.config = config
        self.env_runner_group = RunnersInAnyBundle(
            env_creator=self.env_creator,
            default_policy_class=self.get_default_policy_class(config),
            config=config,
            local_env_runner=config.create_local_env_runner,
            logdir=self.logdir,
            tune_trial_id=self.trial_id,
        )
        self.env_runner_group.sync_weights(
            from_worker_or_learner_group=self.learner_group, inference_only=True
        )

    def _setup_logdir(self) -> None:
        self._logdir = gettempdir()


class RunnersInAnyBundle(EnvRunnerGroup):
    """RLlib's group of runners, for a reservation that is one bundle for all of them."""

    def _make_worker(self, *, worker_index: int, **arguments: Any) -> Any:
        self._pg_offset = -1 - worker_index  # RLlib adds the index; -1 is any bundle
        return super()._make_worker(worker_index=worker_index, **arguments)


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of PPO; the defaults are the published ones.

    Attributes:
        environments: stepped together, over all runners.
        steps: of each environment between updates.
        epochs: passes over these steps.
        minibatches: per pass.
        lr: Adam's.
        clip: of the probability ratio.
        entropy: weight of the entropy bonus.
        value: weight of the value losses.
        gradient_norm: gradients are scaled down to this norm.
        features: numbers that the encoder gives.
        lstm: units of the recurrent policy; 0 for none.
        convolutions: see ``networks.Architecture``; so are ``inputs`` and ``bfloat16``.
        adam_eps: what Adam adds to the root of its second moments.
        anneal_over: steps, over all environments, in which the step size falls to 0; None for never.
        value_clip: how far a value may move from what it was when sampled; None for any.
    """

    environments: int = 32
    steps: int = 128
    epochs: int = 4
    minibatches: int = 4
    lr: float = 1e-4
    clip: float = 0.1
    entropy: float = 0.001
    value: float = 0.5
    gradient_norm: float = 1.0
    features: int = 512
    lstm: int = 512
    convolutions: Convolutions = "nature"
    inputs: Inputs = "scaled"
    bfloat16: bool = False
    adam_eps: float = 1e-8
    anneal_over: int | None = None
    value_clip: float | None = None

    @property
    def batch(self) -> int:
        """Steps between updates, over all environments."""
        return self.environments * self.steps


def build_algorithm(
    environment: str,
    options: Mapping[str, Any],
    recipe: Recipe,
    credit: Credit,
    curiosity: str = "none",
    parameters: Mapping[str, Any] | None = None,
    *,
    seed: int,
    runners: int = 0,
    learners: int = 1,
    threads: int = 1,
    gpu: bool = False,
) -> PPO:
    """Build the algorithm; ``train()`` on it does one update, ``stop()`` ends it.

    Args:
        environment: Gymnasium id.
        options: of the environment.
        recipe: PPO's hyper-parameters.
        credit: how rewards become advantages.
        curiosity: kind of curiosity.
        parameters: of the curiosity; what is left out takes its default.
        seed: of everything random.
        runners: processes that sample; 0: this one.
        learners: processes of this machine that learn, if more than one; else this one does. They share the
            torch threads of this one.
        threads: of each process that step Atari emulators.
        gpu: each learner computes on one.
    """
    register_env(_ENVIRONMENT, lambda context: make_vector(context["environment"], 1, context["options"]))
    config = (
        CuriosityPPOConfig(algo_class=CuriosityPPO)
        .environment(
            env=_ENVIRONMENT,
            env_config={"environment": environment, "options": dict(options), "threads": threads},
        )
        .env_runners(
            env_runner_cls=SegmentRunner,
            num_env_runners=runners,
            num_envs_per_env_runner=recipe.environments // max(1, runners),
            rollout_fragment_length=recipe.steps,
            num_cpus_per_env_runner=0,  # the cell has asked for them already, and holds them all
        )
        # A runner can't be replaced within a segment: the run goes on from its last checkpoint.
        .fault_tolerance(restart_failed_env_runners=False, ignore_env_runner_failures=False)
        .learners(
            num_learners=learners if learners > 1 else 0,
            num_gpus_per_learner=1 if gpu else 0,
            learner_class=CuriosityLearner,
            learner_config_dict={
                "environment": environment,
                "environments": recipe.environments,
                "credit": asdict(credit),
                "plugins": plugins.to_send(),  # learners are processes of their own
                "curiosity": curiosity,
                "parameters": dict(parameters or {}),
                "adam_eps": recipe.adam_eps,
                "anneal_over": recipe.anneal_over,
                "value_clip": recipe.value_clip,
            },
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=ActorCriticModule,
                model_config={
                    "architecture": {
                        name: getattr(recipe, name)
                        for name in ("features", "lstm", "convolutions", "inputs", "bfloat16")
                    }
                },
            )
        )
        .training(
            lr=recipe.lr,
            train_batch_size_per_learner=recipe.batch // learners,
            minibatch_size=recipe.batch // learners // recipe.minibatches,
            num_epochs=recipe.epochs,
            clip_param=recipe.clip,
            entropy_coeff=recipe.entropy,
            vf_loss_coeff=recipe.value,
            grad_clip=recipe.gradient_norm,
            grad_clip_by="global_norm",
        )
        .debugging(seed=seed, log_level="ERROR")
    )
    return config.build_algo()


def learner_of(algorithm: PPO) -> CuriosityLearner:
    """Return the algorithm's learner, which is in this process unless there are several."""
    return algorithm.learner_group.ask(lambda learner: learner)
