"""What can be set, as listings, editors and messages are told."""

import json
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import Field

from gridcell.errors import UserError
from gridcell.settings import Parts, Strict
from gridcell.settings.docstrings import descriptions
from gridcell.settings.listing import joined, overview
from gridcell.settings.schema import belongs, find, json_schema, settings_of
from gridcell.suite import load_suite
from gridcell.task import find_task, task_names


class Film(Strict):
    """A film.

    Attributes:
        frames: how many,
            all in all.
        scale (float): of a frame.
        What is no attribute ends them.

    Raises:
        nothing: this is no attribute.
    """

    frames: int = Field(60, ge=4, lt=100)
    scale: float = Field(1.0, gt=0)


class Rbf(Strict):
    """One kind."""

    kind: Literal["rbf"]
    width: float | Literal["median"] = 1.0


class Deep(Strict):
    """Another kind."""

    kind: Literal["deep"]
    depth: int


class Suite(Strict):
    """Settings with every form that there is."""

    films: list[Film] = []  # noqa: RUF012 - pydantic copies defaults
    spaces: dict[str, Annotated[Rbf | Deep, Field(discriminator="kind")]]
    alone: dict[str, Rbf] = {}  # noqa: RUF012
    worlds: dict[str, Film] = {}  # noqa: RUF012
    methods: Annotated[dict[str, Any], Parts(lambda: {"ft": Film})] = {}  # noqa: RUF012
    on: bool = False
    film: Film = Film()
    size: int | None = None


def test_every_setting_is_listed_with_its_kind_values_and_default():
    rows = [(".".join(one.path), one.kind, one.type, one.default, one.required) for one in settings_of(Suite)]
    assert rows == [
        ("films", "", "list of (mapping)", [], False),
        ("films.0.frames", "", "whole number >= 4, < 100", 60, False),
        ("films.0.scale", "", "number > 0", 1.0, False),
        ("spaces", "", "entries by name", None, True),
        ("spaces.NAME.kind", "kind: rbf", "rbf", None, True),
        ("spaces.NAME.width", "kind: rbf", "number or median", 1.0, False),
        ("spaces.NAME.kind", "kind: deep", "deep", None, True),
        ("spaces.NAME.depth", "kind: deep", "whole number", None, True),
        ("alone", "", "entries by name", {}, False),
        ("alone.NAME.kind", "", "rbf", None, True),
        ("alone.NAME.width", "", "number or median", 1.0, False),
        ("worlds", "", "entries by name", {}, False),
        ("worlds.NAME.frames", "", "whole number >= 4, < 100", 60, False),
        ("worlds.NAME.scale", "", "number > 0", 1.0, False),
        ("methods", "", "entries by name", {}, False),
        ("methods.ft.frames", "", "whole number >= 4, < 100", 60, False),
        ("methods.ft.scale", "", "number > 0", 1.0, False),
        ("on", "", "true or false", False, False),
        ("film.frames", "", "whole number >= 4, < 100", 60, False),
        ("film.scale", "", "number > 0", 1.0, False),
        ("size", "", "whole number", None, False),
    ]


def test_docstrings_say_what_settings_are():
    assert descriptions(Film) == {"frames": "how many, all in all.", "scale": "of a frame."}
    told = {one.path: one.description for one in settings_of(Suite)}
    assert told["films", "0", "frames"] == "how many, all in all."


def test_settings_are_found_below_a_path_and_an_entrys_own_name_stands_for_any():
    assert [one.path[-1] for one in find(Suite, "spaces.mine")] == ["kind", "width", "kind", "depth"]
    assert [one.path for one in find(Suite, "film.frames")] == [("film", "frames")]
    with pytest.raises(UserError, match=r"^There is no setting 'flim': did you mean 'film'\?$"):
        find(Suite, "flim")


def test_settings_of_one_name_are_told_with_their_places_and_kinds():
    assert belongs(Suite, "depth") == ["'spaces.NAME.depth' of kind: deep"]
    assert belongs(Suite, "scale")[0] == "'film.scale'"
    assert belongs(Suite, "nothing") == []


def test_a_suite_that_extends_another_need_not_give_everything():
    schema = json_schema(Suite)
    assert schema["required"] == []
    assert {"extends", "without"} <= schema["properties"].keys()


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"spaces": {"mine": {"depth": 3}}}, True),
        ({"spaces": {"mine": {"depht": 3}}}, False),
        ({"spaces": {"mine": {"depth": "deep"}}}, False),
        ({"alone": {"rbf": {"width": 2.0}}}, True),
        ({"worlds": {"one": {"frames": 3}}}, False),  # too few
        ({"film": {"scale": 2.0}}, True),
        ({"flim": {}}, False),
    ],
    ids=str,
)
def test_editors_ask_a_changed_entry_for_nothing_and_check_what_it_says(changes, fits):
    validator = jsonschema.Draft202012Validator(json_schema(Suite))
    assert validator.is_valid({"extends": "mini", **changes}) is fits


def test_editors_ask_a_file_that_extends_nothing_for_what_an_entry_must_have():
    validator = jsonschema.Draft202012Validator(json_schema(Suite))
    whole = {"spaces": {"mine": {"kind": "deep"}}}  # lacks its depth
    assert not validator.is_valid(whole)
    assert validator.is_valid({"extends": "mini", **whole})
    assert validator.is_valid({"spaces": {"mine": {"kind": "deep", "depth": 3}}})


CHANGED_ENTRIES = {
    "imagenet-rib": {"architectures": {"vit": {"options": {"depth": 2}}}},
    "farmap": {"agents": {"farmap": {"rho": 2}}},
    "farcuriosity": {"environments": {"rooms": {"steps": 81920}}},
    "generalization-difficulty": {"datasets": {"digits": {"eps": 0.1}}},
    "inductive-bias": {"problems": {"digits": {"dimensions": [8]}}, "spaces": {"mlp-1": {"widths": [8]}}},
}


@pytest.mark.parametrize("task", CHANGED_ENTRIES)
def test_an_entry_that_changes_one_of_mini_fits_the_schema_of_its_task(task, tmp_path):
    changes = {"extends": "mini", **CHANGED_ENTRIES[task]}
    (tmp_path / "mine.yaml").write_text(json.dumps(changes))
    load_suite(find_task(task), str(tmp_path / "mine.yaml"))
    schema = json_schema(find_task(task).settings)
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(changes)] == []


def test_an_entry_of_a_suite_has_the_settings_of_its_part():
    kind, depth = find(Suite, "spaces.mine", lambda section: {"mine": "deep"} if section == "spaces" else {})
    assert (depth.path, kind.type) == (("spaces", "mine", "depth"), "deep")
    assert [one.path for one in find(Suite, "spaces.rbf.width")] == [("spaces", "rbf", "width")]


def test_a_name_that_is_neither_a_part_nor_an_entry_is_refused_where_names_are_parts():
    methods = find_task("imagenet-rib").settings
    with pytest.raises(UserError, match=r"^There is no setting 'methods.ew': did you mean 'ewc'\? "):
        find(methods, "methods.ew")
    with pytest.raises(UserError, match=r"^There is no setting 'methods.zzz': choose from ewc, .*, mine, "):
        find(methods, "methods.zzz", lambda section: {"mine": "ewc"})
    assert find(methods, "methods.mine", lambda section: {"mine": "ewc"})[0].path[:2] == ("methods", "mine")
    assert len({one.kind for one in find(methods, "methods.NAME.alpha")}) == 3


def test_rows_of_several_kinds_are_joined():
    found = {(".".join(one.path), one.type): one for one in joined(settings_of(Suite))}
    kind = found["spaces.NAME.kind", "rbf | deep"]
    assert (kind.kind, kind.required) == ("", True)
    assert "which of these" in kind.description
    assert len(found) == len(settings_of(Suite)) - 1


def test_what_an_entry_has_in_place_of_a_section_is_one_row():
    task = find_task("imagenet-rib")
    rows = overview(settings_of(task.settings), task.own_settings)
    (own,) = (one for one in rows if one.path[:3] == ("methods", "NAME", "training"))
    assert own.path == ("methods", "NAME", "training")
    assert {"ewc", "lwf"} < set(own.kind.removeprefix("kind: ").split(" | "))
    assert len(rows) == len({(one.path, one.kind) for one in rows})


@pytest.mark.parametrize("name", sorted({*task_names()} - {"toy"}))
def test_each_setting_of_each_task_says_what_it_is(name):
    silent = [
        ".".join(one.path) for one in joined(settings_of(find_task(name).settings)) if not one.description
    ]
    assert silent == []


@pytest.mark.parametrize("name", sorted({*task_names()} - {"toy"}))
def test_every_default_may_be_written_down(name):
    """A bound that leaves out its setting's default would refuse a suite that says what holds anyway."""
    schema = json_schema(find_task(name).settings)
    checked = 0
    for model in (schema, *schema["$defs"].values()):
        for key, one in model.get("properties", {}).items():
            if "default" in one:
                checked += 1
                validator = jsonschema.Draft202012Validator({**one, "$defs": schema["$defs"]})
                assert validator.is_valid(one["default"]), (model.get("title"), key)
    assert checked > 10
