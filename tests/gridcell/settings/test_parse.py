"""What settings of every task refuse."""

import pickle
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from gridcell.errors import UserError
from gridcell.settings import (
    AnySize,
    Mistake,
    SettingsError,
    Strict,
    added_later,
    identity_of,
    parse_settings,
)


class Rates(Strict):
    """A bounded number, and numbers further down."""

    rate: float = Field(1.0, gt=0)
    several: dict[str, list[float]] = Field(default_factory=dict)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), "inf", "1e400"])
def test_a_number_is_finite(value):
    with pytest.raises(UserError, match=r"^The setting 'rate' is wrong: "):
        parse_settings(Rates, {"rate": value})
    with pytest.raises(UserError, match=r"^The setting 'several\.a\.1' is wrong: .*finite"):
        parse_settings(Rates, {"several": {"a": [1.0, value]}})
    assert parse_settings(Rates, {"rate": 1e300}).rate == 1e300


class Kinds(Strict):
    """One setting of each type."""

    count: int = Field(1, ge=1)
    rate: float = 1.0
    on: bool = True
    name: str = "a"
    side: int | Literal["auto"] = "auto"


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"count": 1e3}, {"count": 1000}),
        ({"rate": 3}, {"rate": 3.0}),
        ({"on": False}, {"on": False}),
        ({"side": 4}, {"side": 4}),
        ({"side": 4.0}, {"side": 4}),
    ],
)
def test_numbers_are_taken_as_they_are_written(values, kept):
    parsed = parse_settings(Kinds, values).model_dump()
    assert {key: parsed[key] for key in kept} == kept
    assert {key: type(parsed[key]) for key in kept} == {key: type(value) for key, value in kept.items()}


@pytest.mark.parametrize(
    "values",
    [
        {"count": True},
        {"count": "3"},
        {"count": "1_000"},
        {"count": 1.5},
        {"count": 2**63},
        {"count": 10**30},
        {"rate": False},
        {"rate": "1e-3"},
        {"on": 1},
        {"on": "yes"},
        {"on": 0.0},
        {"name": 3},
        {"name": True},
        {"side": True},
        {"side": "4"},
    ],
)
def test_nothing_is_taken_for_what_it_is_not(values):
    with pytest.raises(UserError, match=rf"^The setting '{next(iter(values))}' is wrong: "):
        parse_settings(Kinds, values)


class Lax(BaseModel):
    """Settings of a plug-in that derive from pydantic's own class."""

    count: int = 1
    on: bool = True


@pytest.mark.parametrize("values", [{"count": True}, {"on": 1}, {"count": "3"}])
def test_settings_of_a_plug_in_are_read_as_strictly(values):
    with pytest.raises(UserError, match="is wrong"):
        parse_settings(Lax, values)
    assert type(parse_settings(Lax, {"count": 3})) is Lax


def test_all_mistakes_are_told_at_once_and_a_mistyped_key_is_not_missing_too():
    class Inner(Strict):
        needed: int
        most: int = Field(3, le=5)

    class Outer(Strict):
        one: Inner
        entries: dict[str, Inner] = Field(default_factory=dict)

    with pytest.raises(SettingsError) as caught:
        parse_settings(Outer, {"one": {"neded": 1, "most": 9}, "entries": {"a": {}}, "other": 1})
    told = {".".join(map(str, mistake.path)) for mistake in caught.value.mistakes}
    assert told == {"one.neded", "one.most", "entries.a.needed", "other"}
    assert "Unknown setting 'one.neded': did you mean 'needed'?" in str(caught.value)
    assert str(caught.value).startswith("The settings have 4 mistakes:\n")


def test_what_a_validator_refuses_is_one_of_the_mistakes_and_hides_no_other():
    class Named(Strict):
        name: str
        count: int

        @field_validator("name")
        @classmethod
        def _known(cls, name):
            raise UserError(f"Unknown name '{name}'")

    with pytest.raises(SettingsError) as caught:
        parse_settings(Named, {"name": "x", "count": "many"})
    assert [mistake.path for mistake in caught.value.mistakes] == [("name",), ("count",)]


def test_an_error_of_settings_survives_a_process():
    error = SettingsError([Mistake(("a",), "The setting '{where}' is wrong")])
    assert str(pickle.loads(pickle.dumps(error))) == "The setting 'a' is wrong"


class Every(Strict):
    """Settings of each kind that a task may have."""

    whole: int = Field(3, ge=1, le=9)
    number: float = Field(0.5, gt=0, lt=1)
    even: int = Field(2, multiple_of=2)
    on: bool = True
    name: str = Field("a", pattern="^[a-z]+$", min_length=1)
    optimiser: Literal["sgd", "adam"] = "adam"
    only: Literal["x"] = "x"
    several: list[int] = Field([1], min_length=1, max_length=2)
    pair: tuple[int, int] = (1, 2)
    inner: Kinds = Kinds()
    named: dict[str, Kinds] = Field(default_factory=dict)
    maybe: float | None = None


@pytest.mark.parametrize("name", Every.model_fields)
@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 10**400, 1.5, 1e30, "", "adm", [], [1, 2, 3], ["a"], {}, {"a": 1}, {1: {}}]
)
def test_what_is_wrong_is_said_in_plain_words(name, value):
    """None of pydantic's words and none of Python's: a suite's file has no ``None`` and no ``Input``."""
    said = mistakes_said(Every, {name: value})
    for strange in ("Input", "Value error", "valid", "None", "True", "dictionary", "instance"):
        assert strange not in said


def mistakes_said(model, values):
    """Return what is said of mistakes; nothing where there is none."""
    try:
        parse_settings(model, values)
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"whole": 0}, "it must be at least 1 (it is 0)"),
        ({"whole": None}, "a whole number is expected (it is null)"),
        ({"number": 1}, "it must be less than 1 (it is 1)"),
        ({"even": 3}, "it must be a multiple of 2 (it is 3)"),
        (
            {"optimiser": "adm"},
            "it must be one of these: did you mean 'adam'? (choose from: adam, sgd) (it is 'adm')",
        ),
        ({"only": "y"}, "it must be 'x' (it is 'y')"),
        ({"several": "a"}, "a list is expected, such as ['a'] (it is 'a')"),
        ({"several": []}, "at least one entry is expected, and there are 0 (it is [])"),
        ({"several": [1, True]}, "a whole number is expected, not true or false (it is true)"),
        ({"inner": {1: 3}}, "its name must be text (it is 1)"),
        (
            {"whole": 2**63},
            "a whole number is expected, and this one is too large (it is 9223372036854775808)",
        ),
        ({"inner": 3}, "it must hold 'key: value' settings (it is 3)"),
    ],
)
def test_each_kind_of_mistake_has_its_sentence(values, sentence):
    with pytest.raises(SettingsError) as error:
        parse_settings(Every, values)
    assert str(error.value).partition(" is wrong: ")[2] == sentence


def test_a_whole_number_that_only_a_formula_takes_may_have_any_size():
    class Formula(Strict):
        points: Annotated[int, Field(ge=1), AnySize()]

    assert parse_settings(Formula, {"points": 10**40}).points == 10**40
    for wrong in (0, True, "3", 1.5):
        with pytest.raises(SettingsError, match="points"):
            parse_settings(Formula, {"points": wrong})


def test_a_setting_that_is_there_and_wrong_is_told_beside_a_key_that_is_like_it():
    """Only what is missing is a consequence of a mistyped key."""
    with pytest.raises(SettingsError) as caught:
        parse_settings(Kinds, {"cuont": 3, "count": 0})
    assert {mistake.path for mistake in caught.value.mistakes} == {("cuont",), ("count",)}


@pytest.mark.parametrize("given", ["yes", 1, 0, None, "true"])
def test_only_true_and_false_are_booleans_and_the_sentence_says_so(given):
    with pytest.raises(SettingsError, match=r"^The setting 'on' is wrong: it must be true or false \(it is "):
        parse_settings(Kinds, {"on": given})


@pytest.mark.parametrize(("value", "fits"), [(2**63 - 1, True), (2**63, False), (-(2**63), False)])
def test_a_whole_number_fits_into_64_bits(value, fits):
    class Count(Strict):
        count: int

    if fits:
        assert parse_settings(Count, {"count": value}).count == value
        return
    with pytest.raises(SettingsError, match="this one is too large"):
        parse_settings(Count, {"count": value})


class Inner(Strict):
    """Settings within others, one of which came later."""

    a: int = 1
    late: int = added_later(0)


class Outer(Strict):
    """Settings that hold others, alone and several."""

    inner: Inner = Inner()
    listed: list[Inner] = Field(default_factory=list)
    pair: tuple[Inner, int] = (Inner(), 1)
    named: dict[str, list[Inner]] = Field(default_factory=dict)
    numbered: dict[int, Inner] = Field(default_factory=dict)
    plain: dict[str, int] = Field(default_factory=dict)
    whole: Inner = added_later(Inner())
    without: Inner | None = None


def test_a_setting_that_came_later_is_left_out_at_any_depth():
    outer = Outer(
        listed=[Inner(), Inner(late=3)],
        named={"x": [Inner(a=2)]},
        numbered={4: Inner()},
        plain={"late": 0},
    )
    assert identity_of(Inner()) == {"a": 1}
    assert identity_of(outer) == {
        "inner": {"a": 1},
        "listed": [{"a": 1}, {"a": 1, "late": 3}],
        "pair": [{"a": 1}, 1],
        "named": {"x": [{"a": 2}]},
        "numbered": {"4": {"a": 1}},
        "plain": {"late": 0},
        "without": None,
    }
    assert identity_of(Outer(whole=Inner(a=2)))["whole"] == {"a": 2}
    assert outer.listed[0].late == 0
