"""Dimensions of Gymnasium spaces; the environments themselves where Gymnasium is installed."""

from types import SimpleNamespace

import numpy as np
import pytest

from generalization_difficulty.formula.spaces import (
    action_dimension,
    environment_dimensions,
    observation_dimension,
)
from gridcell.errors import UserError


def space(kind, **attributes):
    return type(kind, (SimpleNamespace,), {})(**attributes)


BOX = space("Box", shape=(3, 2))
CHOICE = space("Discrete", n=np.int64(4))
SEVERAL = space("MultiDiscrete", nvec=np.array([2, 3, 4]))


def test_dimensions_are_counted():
    assert observation_dimension(BOX) == 6
    assert observation_dimension(space("Dict", spaces={"a": BOX, "b": space("Box", shape=(5,))})) == 11
    assert observation_dimension(space("Tuple", spaces=(BOX, space("MultiBinary", shape=(2,))))) == 8
    assert action_dimension(BOX) == 6
    assert action_dimension(CHOICE) == 3
    assert action_dimension(SEVERAL) == 6
    assert action_dimension(space("Dict", spaces={"a": CHOICE, "b": BOX})) == 9


@pytest.mark.parametrize(
    ("call", "given", "sentence"),
    [
        (observation_dimension, CHOICE, "Observations in a Discrete space have no distance"),
        (observation_dimension, space("Text"), "Observations in a Text space have no distance"),
        (action_dimension, space("Graph"), "Actions in a Graph space can't be counted"),
        (action_dimension, space("Discrete", n=1), "leaves no choice"),
    ],
)
def test_spaces_that_have_no_dimension(call, given, sentence):
    with pytest.raises(UserError, match=sentence):
        call(given)


def test_environments():
    pytest.importorskip("gymnasium")
    assert environment_dimensions("CartPole-v1") == (4, 1)
    assert environment_dimensions("Pendulum-v1") == (3, 1)
    assert environment_dimensions("MountainCar-v0") == (2, 2)
    with pytest.raises(UserError, match="The environment 'CartPoole-v1' can't be made"):
        environment_dimensions("CartPoole-v1")


def test_an_environment_that_nothing_registered_may_be_named_with_the_module_that_does(tmp_path, monkeypatch):
    gymnasium = pytest.importorskip("gymnasium")
    hint = "If importing a module registers it, name that module too, as in 'ale_py:ALE/Pong-v5'"
    with pytest.raises(UserError, match=f"'Mine/Own-v0' can't be made: Namespace Mine not found.*{hint}$"):
        environment_dimensions("Mine/Own-v0")
    with pytest.raises(UserError, match="'gd_own:Mine/Own-v0' can't be made: No module named") as caught:
        environment_dimensions("gd_own:Mine/Own-v0")
    assert hint not in str(caught.value)
    entry = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    (tmp_path / "gd_own.py").write_text(f"import gymnasium\ngymnasium.register('Mine/Own-v0', '{entry}')\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert environment_dimensions("gd_own:Mine/Own-v0") == (4, 1)
    finally:
        gymnasium.registry.pop("Mine/Own-v0", None)


def test_without_gymnasium_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"pip install 'gridcell\[rl\]'"):
        environment_dimensions("CartPole-v1")
