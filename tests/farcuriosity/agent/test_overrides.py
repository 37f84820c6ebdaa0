"""What of RLlib is overridden is there, in the version that it was tried with; and Ray keeps to loopback."""

import subprocess
import sys

import pytest
import ray
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.learner.learner_group import LearnerGroup
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

from farcuriosity.agent import overrides

OVERRIDDEN = {
    PPO: ["setup", "_setup_logdir"],
    EnvRunnerGroup: ["_make_worker"],
    PPOConfig: ["build_learner_group"],
    LearnerGroup: ["update", "shutdown"],
    SingleAgentEnvRunner: ["make_env", "sample", "get_metrics"],
    TorchLearner: [
        "build",
        "_create_iterator_if_necessary",
        "_update",
        "get_state",
        "set_state",
        "compute_loss_for_module",
    ],
    TorchRLModule: ["setup", "_forward"],
}


def test_ray_is_of_the_version_that_overrides_were_tried_with():
    assert ray.__version__.rpartition(".")[0] == overrides.RAY


@pytest.mark.parametrize("base", OVERRIDDEN, ids=lambda base: base.__name__)
def test_what_is_overridden_is_there_and_in_the_table(base):
    for name in OVERRIDDEN[base]:
        assert callable(getattr(base, name))
        assert name in overrides.__doc__


@pytest.mark.long
def test_a_ray_of_its_own_listens_on_this_machine_alone():
    code = """
import psutil
from ipaddress import ip_address
from farcuriosity.agent.algorithm import local_ray

def open_to_others(process):
    found = [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    found = [ip_address(ip) for ip in found]
    return [str(ip) for ip in found if not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback]

with local_ray():
    import ray
    ray.get(ray.remote(lambda: 1).remote())
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        assert not open_to_others(process), (process.cmdline(), open_to_others(process))
print("kept")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["kept"], done.stderr[-2000:]
