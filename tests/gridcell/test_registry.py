"""Parts found by themselves: all of them, no name twice, and a hint for a name that is none."""

from dataclasses import dataclass

import pytest

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.registry import Registry, by_name, version_of


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
    yield Registry("colours_of_test", "COLOURS", "colour")
    plugins.forget()


def test_every_module_is_looked_through(registry):
    assert list(registry.all) == ["amber", "blue", "red"]
    assert registry.get("blue").name == "blue"


def test_a_module_that_is_no_python_is_named_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "broken_of_test").mkdir()
    (tmp_path / "broken_of_test" / "cold.py").write_text("COLOURS = (\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"cold.py' is not valid Python: .*line 1"):
        Registry("broken_of_test", "COLOURS", "colour").get("blue")


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

    value = "shades_of_others:COLOURS"

    def __init__(self, part):
        self.part = part

    def load(self):
        return self.part


def test_entry_points_are_found_and_what_they_give_is_checked(registry, monkeypatch):
    points = {"colours": [Point(Part("teal"))], "wrong": [Point("teal")]}
    monkeypatch.setattr("gridcell.registry.entry_points", lambda group: points[group])
    where = ("colours_of_test", "COLOURS", "colour")
    colours = Registry(*where, kinds=Part, group="colours")
    assert list(colours.all) == ["amber", "blue", "red", "teal"]
    assert colours.module_of("teal") == "shades_of_others"
    assert colours.module_of("blue") == "colours_of_test.cold"
    with pytest.raises(
        UserError, match="'COLOURS' in shades_of_others is 'teal', and a colour must be a Part"
    ):
        _ = Registry(*where, kinds=Part, group="wrong").all


def test_two_parts_of_one_name_are_refused_by_both_files(tmp_path, registry):
    mine = tmp_path / "mine.py"
    mine.write_text(f"from {__name__} import Part\nCOLOURS = Part('blue')\n")
    plugins.load([mine])
    berries = Registry("colours_of_test", "COLOURS", "berry", plural="berries")
    message = r"Two berries are called 'blue': one in colours_of_test\.cold, one in .*mine\.py"
    with pytest.raises(UserError, match=message):
        _ = berries.all


def test_a_file_of_the_user_adds_its_parts_as_long_as_it_is_loaded(tmp_path, registry):
    mine = tmp_path / "mine.py"
    mine.write_text(f"from {__name__} import Part\nCOLOURS = Part('pink')\n")
    assert "pink" not in registry.all
    (plugin,) = plugins.load([mine])
    assert registry.get("pink").name == "pink"
    assert registry.plugged(plugin) == [Part("pink")]
    assert registry.module_of("pink") == str(mine)
    plugins.forget()
    assert "pink" not in registry.all


@pytest.mark.parametrize(("version", "added"), [(None, {}), (1, {}), (2, {"version": 2})])
def test_a_declared_version_is_part_of_a_configuration_but_for_the_first(version, added):
    part = Part("red")
    if version is not None:
        object.__setattr__(part, "version", version)
    assert version_of(part) == added


@pytest.mark.parametrize("version", [0, -1, 1.0, "2", True])
def test_a_version_is_a_whole_number_of_one_or_more(version):
    part = Part("red")
    object.__setattr__(part, "version", version)
    with pytest.raises(UserError, match=r"The version of 'red' must be a whole number of 1 or more, not "):
        version_of(part)
