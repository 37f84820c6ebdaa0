"""What a plan says of a grid's cost, against networks that are built."""

import re

import pytest
import torch
from torch import nn

from farcuriosity.agent.networks import ActorCritic, Architecture
from farcuriosity.cost import (
    CORE_PER_SECOND,
    estimate,
    fragment_bytes,
    products_per_step,
    seconds_beside,
)
from farcuriosity.curiosity.modules import get
from farcuriosity.plan import plan
from farcuriosity.settings import Settings
from gridcell.suite import load_suite, parse_settings
from gridcell.task import find_task


def _cell(environment="ALE/Pong-v5", training=None, **curiosity):
    settings = {
        "environments": {"one": {"id": environment}},
        "curiosities": {"far": curiosity},
        "training": training or {},
    }
    (cell,) = plan(parse_settings(Settings, settings)).cells.values()
    return cell


@pytest.mark.parametrize("environment", ["ALE/Pong-v5", "gridcell/Rooms-v0"])
@pytest.mark.parametrize("around", ["rnd", "icm", "disagreement"])
@pytest.mark.parametrize("keys", ["shared", "module"])
def test_the_bytes_of_a_fragment_are_those_of_one_that_has_learned(environment, around, keys):
    cell = _cell(environment, around=around, keys=keys, module={"features": 32})
    shape = (1, 84, 84) if "ALE" in environment else (3, 7, 7)
    far = get("far").build(shape, 18, 2, 0, **cell.config["parameters"])
    (fragment,) = far._fragments
    weights = sum(each.nbytes for each in fragment.module.parameters())
    frozen = sum(each.nbytes for each in fragment.frozen.parameters()) if keys == "module" else 0
    assert fragment_bytes(cell.config) == 3 * weights + frozen


@pytest.mark.parametrize("policy", ["nature", "released"])
def test_the_products_of_a_step_are_those_of_the_policys_layers(policy):
    training = {"policy": policy, "epochs": 2, "features": 64, "lstm": 16}
    config = _cell(training=training).config | {"curiosity": "none", "parameters": {}}
    net = ActorCritic(Architecture((4, 84, 84), 6, features=64, lstm=16, convolutions=policy))
    counted = 0

    def count(layer, given, made):
        nonlocal counted
        counted += layer.weight.numel() * (made[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1)

    for layer in net.encoder:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    net.encoder(torch.zeros(1, 4, 84, 84))
    recurrent = 4 * 16 * (64 + 16)
    assert products_per_step(config) == (counted + recurrent) * (1 + 3 * 2)


_SMALL = {"features": 64, "environments": 16, "horizon": 128, "lstm": 0}
_RND = {"features": 64, "proportion": 1}
_DOORKEY, _ROOMS, _PONG = "MiniGrid-DoorKey-5x5-v0", "gridcell/Rooms-v0", "ALE/Pong-v5"


@pytest.mark.parametrize(
    ("environment", "curiosity", "parameters", "training", "measured"),
    [
        (_DOORKEY, "none", {}, {}, 296),
        (_DOORKEY, "none", {}, {"epochs": 1, "minibatches": 1}, 269),
        (_DOORKEY, "none", {}, {"environments": 4}, 520),
        (_DOORKEY, "none", {}, {"horizon": 16}, 515),
        (_DOORKEY, "none", {}, {"lstm": 64}, 430),
        (_DOORKEY, "rnd", _RND, {}, 537),
        (_DOORKEY, "far", {"module": _RND}, {}, 536),
        (_DOORKEY, "icm", {"features": 64}, {}, 596),
        (_ROOMS, "none", {}, {}, 189),
        (_ROOMS, "rnd", {"features": 64}, {}, 258),
        (_PONG, "none", {}, {"features": 512, "environments": 8}, 4570),
        (_PONG, "none", {}, {"features": 512, "environments": 8, "epochs": 1, "minibatches": 1}, 2307),
        (_PONG, "none", {}, {"features": 512, "environments": 8, "horizon": 64, "lstm": 512}, 6370),
    ],
)
def test_a_step_costs_about_what_was_measured(environment, curiosity, parameters, training, measured):
    """``measured`` is microseconds of processor time a step, on one busy core of an AMD EPYC."""
    settings = {
        "environments": {"one": {"id": environment}},
        "curiosities": {curiosity: parameters},
        "training": {**_SMALL, **training},
    }
    (cell,) = plan(parse_settings(Settings, settings)).cells.values()
    seconds = 2 * products_per_step(cell.config) / CORE_PER_SECOND + seconds_beside(cell.config)
    assert 1 / 1.5 < seconds / (measured * 1e-6) < 1.5


def test_the_costs_beside_the_arithmetic_are_in_the_plan():
    suite = load_suite(find_task("farcuriosity"), "doorkey")
    told = estimate(suite.settings, suite.grid())["computing"]
    # 15 agents of 300,000 steps took some 3 minutes of one core each.
    total, networks, beside = (int(found) for found in re.findall(r"(\d+) minutes", told))
    assert 30 <= total <= 60
    assert abs(networks + beside - total) <= 1
    assert beside > networks


def test_the_published_suite_says_what_it_costs():
    suite = load_suite(find_task("farcuriosity"), "paper")
    told = estimate(suite.settings, suite.grid())
    assert told["steps"] == "17,203,200,000 by 175 agents"
    assert "hours of one core" in told["computing"]
    assert "GPU-days" in told["computing"]
    assert "800 at most" in told["memory"]
    assert "in the temporary folder" in told["memory"]


def test_what_agents_do_not_see_is_said():
    cell = {"environments": {"one": {"id": "BabyAI-GoToRedBall-v0"}}, "curiosities": {"none": {}}}
    settings = parse_settings(Settings, cell)
    assert estimate(settings, plan(settings))["left out"].endswith("text of BabyAI-GoToRedBall-v0")
