"""The group of an algorithm's learners: one in its process, or several processes of its machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ray
import torch
from ray.exceptions import RayError, RayTaskError
from ray.rllib.core.learner.learner_group import LearnerGroup
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.utils.actor_manager import FaultTolerantActorManager
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from farcuriosity.agent.learner import CuriosityLearner
from farcuriosity.agent.rollout import Rollout
from farcuriosity.curiosity.process_group import ProcessGroup
from gridcell import GRACE_S, FailureClass, classify

Answer = TypeVar("Answer")


class SegmentLearnerGroup(LearnerGroup):
    """RLlib's group of learners, in which each gets every segment whole.

    RLlib's own cuts segments among several learners, but a curiosity has to see all environments in order of
    time. It also starts them by an executor of ``ray.train``, whose process group listens on all addresses of
    the machine. Here they are processes of this machine, which work while this one waits, within what was
    reserved for it, and meet in a file.

    Args:
        config: RLlib's; its ``num_learners`` is 0 for a single one in this process.
        module_spec: of the policy.
        placement_group: as RLlib gives it.
    """

    def __init__(self, *, config: Any, module_spec: Any = None, placement_group: Any = None) -> None:
        if config.num_learners == 0:
            super().__init__(config=config, module_spec=module_spec, placement_group=placement_group)
            return
        self.config = config.copy(copy_frozen=False)
        self._module_spec = module_spec
        self._is_shut_down = False
        self._ts_dropped = 0
        self._meeting = tempfile.TemporaryDirectory(prefix="gridcell-learners-")
        self._workers: list[Any] = []
        try:
            self._start()
        except BaseException:
            self.shutdown()
            raise
        self._worker_manager = FaultTolerantActorManager(self._workers)

    def _start(self) -> None:
        count = self.config.num_learners
        gpus = _gpus() if self.config.num_gpus_per_learner else [None] * count
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        learner = ray.remote(num_cpus=0, scheduling_strategy=here)(self.config.learner_class)
        self._workers += [
            learner.remote(config=self.config, module_spec=self._module_spec) for _ in range(count)
        ]
        threads = max(1, torch.get_num_threads() // count)
        meeting = f"file://{self._meeting.name}/join"
        ray.get(
            [
                worker.join.remote(ProcessGroup(index, count), meeting, threads, gpu)
                for index, (worker, gpu) in enumerate(zip(self._workers, gpus, strict=True))
            ]
        )
        ray.get([worker.build.remote() for worker in self._workers])

    def update(self, *, episodes: Sequence[Rollout], **how: Any) -> list[dict[str, Any]]:
        """Learn from segments; return what each learner logged.

        Args:
            episodes: the segments of all runners.
            how: as RLlib's learners take it.
        """
        if self.is_local:
            return super().update(episodes=episodes, **how)
        data = TrainingData(episodes_refs=[ray.put(episodes)])  # one copy for all
        return _all([worker.update.remote(training_data=data, **how) for worker in self._workers])

    def ask(self, question: Callable[[CuriosityLearner], Answer]) -> Answer:
        """Return what the first learner answers, where it is: all hold the same."""
        if self.is_local:
            return question(self._learner)
        return _all([self._workers[0].apply.remote(question)])[0]

    def ask_all(self, question: Callable[[CuriosityLearner], Answer]) -> list[Answer]:
        """Return what each learner answers, where it is."""
        if self.is_local:
            return [question(self._learner)]
        return _all([worker.apply.remote(question) for worker in self._workers])

    def shutdown(self) -> None:
        """End the learners."""
        if self.is_local:
            super().shutdown()
            return
        for worker in self._workers:
            ray.kill(worker)
        self._meeting.cleanup()
        self._is_shut_down = True


def _all(refs: Sequence[Any]) -> list[Any]:
    """Return what all learners answer; if one fails, do not wait for the others, which may wait for it."""
    waiting = list(refs)
    failed: list[Exception] = []
    while waiting and not failed:
        done, waiting = ray.wait(waiting)
        failed = _failures(done)
    if waiting:
        done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=GRACE_S)
        failed += _failures(done)
    if failed:  # one whose fellow went away tells nothing of why it did
        raise min(failed, key=lambda error: classify(error) is FailureClass.PREEMPTED)
    return ray.get(refs)


def _failures(done: Sequence[Any]) -> list[Exception]:
    failed: list[Exception] = []
    for ref in done:
        try:
            ray.get(ref)
        except RayTaskError as error:
            failed.append(error.cause)
        except RayError as error:
            failed.append(error)
    return failed


def _gpus() -> list[str]:
    """Return the names of the GPUs that this process was given."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return given.split(",") if given else [str(index) for index in range(torch.cuda.device_count())]
