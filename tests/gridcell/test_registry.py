"""Parts found by themselves: all of them, no name twice, and a hint for a name that is none."""

from dataclasses import dataclass

import pytest

from gridcell.errors import UserError
from gridcell.registry import Registry, by_name


@dataclass(frozen=True)
class Part:
    """Something with a name."""

    name: str


@pytest.fixture
def registry(tmp_path, monkeypatch):
    package = tmp_path / "colours_of_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "warm.py").write_text(f"from {__name__} import Part\nCOLOURS = (Part('red'), Part('amber'))\n")
    (package / "cold.py").write_text(f"from {__name__} import Part\nCOLOURS = Part('blue')\n")
    (package / "helper.py").write_text("nothing = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry("colours_of_test", "COLOURS", "colour")


def test_every_module_is_looked_through(registry):
    assert list(registry.all) == ["amber", "blue", "red"]
    assert registry.get("blue").name == "blue"


def test_an_unknown_name_gets_the_nearest(registry):
    with pytest.raises(UserError, match="Unknown colour 'bleu': did you mean 'blue'"):
        registry.get("bleu")


@pytest.mark.parametrize("name", [0, [], {"blue": 1}, None])
def test_a_value_that_is_no_name_is_unknown(registry, name):
    with pytest.raises(UserError, match=r"Unknown colour '.*amber, blue, red"):
        registry.get(name)


def test_no_name_twice():
    with pytest.raises(UserError, match="Two colours are called 'red'"):
        by_name([Part("red"), Part("red")], "colour")


class Point:
    """An entry point that leads to ``part``."""

    def __init__(self, part):
        self.part = part

    def load(self):
        return self.part


def test_plug_ins_are_found_and_what_they_give_is_checked(registry, monkeypatch):
    points = {"colours": [Point(Part("teal"))], "wrong": [Point("teal")]}
    monkeypatch.setattr("gridcell.registry.entry_points", lambda group: points[group])
    where = ("colours_of_test", "COLOURS", "colour")
    assert list(Registry(*where, kinds=Part, group="colours").all) == ["amber", "blue", "red", "teal"]
    with pytest.raises(UserError, match="A colour must be a Part, but a plug-in gives 'teal'"):
        _ = Registry(*where, kinds=Part, group="wrong").all


def test_a_plural_of_its_own():
    with pytest.raises(UserError, match="Two berries are called 'red'"):
        by_name([Part("red"), Part("red")], "berry", "berries")
