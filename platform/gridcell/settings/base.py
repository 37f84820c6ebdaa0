"""What the settings of every task are made of."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)

from gridcell.errors import did_you_mean
from gridcell.settings.docstrings import descriptions
from gridcell.settings.strictness import checked

Values = TypeVar("Values", bound=Sequence[Hashable])


class Strict(BaseModel):
    """Settings that refuse unknown keys and numbers that are not finite, and don't change.

    A number is neither true or false nor text that looks like one; ``1e3`` is a whole number, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Let numbers be numbers alone, and booleans booleans."""
        return checked(handler(source))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors and listings what the docstring says of each setting."""
        made = handler(schema)
        described = handler.resolve_ref_schema(made)
        described["description"] = (cls.__doc__ or "").partition("\n")[0]
        said = descriptions(cls)
        for name, field in described.get("properties", {}).items():
            if "description" not in field and name in said:
                field["description"] = said[name]
        return made


def distinct(values: Values) -> Values:
    """Return the values.

    Raises:
        ValueError: one of them is listed twice.
    """
    if len(set(values)) != len(values):
        raise ValueError("a value is listed twice")
    return values


Distinct = AfterValidator(distinct)
"""Annotates a list none of whose values may be listed twice."""

Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Distinct]
"""What a suite is repeated with."""


def with_preset(names: Iterable[str]) -> ConfigDict:
    """Say to editors and listings that settings may also hold ``preset``, which a validator spells out.

    Example:
        >>> class Training(Strict):
        ...     model_config = with_preset(["released"])
    """
    preset = {
        "enum": sorted(names),
        "description": "Sets several settings; what stands beside it goes first.",
    }

    def extend(schema: dict[str, Any]) -> None:
        schema.setdefault("properties", {})["preset"] = preset

    return ConfigDict(json_schema_extra=extend)


def spell_out(given: Any, presets: Mapping[str, Mapping[str, Any]], what: str) -> Any:
    """Return settings with a preset's values in place of its name; what stands beside it goes first.

    Args:
        given: as a validator of mode ``before`` gets it; without a preset it stays as it is.
        presets: name -> its values.
        what: has these settings, for the message.

    Raises:
        ValueError: there is no such preset.

    Example:
        >>> spell_out({"preset": "fast", "epochs": 2}, {"fast": {"epochs": 1, "lr": 0.1}}, "training")
        {'epochs': 2, 'lr': 0.1}
    """
    if not isinstance(given, Mapping) or "preset" not in given:
        return given
    chosen = dict(given)
    preset = chosen.pop("preset")
    if not isinstance(preset, str) or preset not in presets:
        raise ValueError(f"there is no preset '{preset}' of {what}: {did_you_mean(preset, presets)}")
    return {**presets[preset], **chosen}


@dataclass(frozen=True)
class Parts:
    """Annotates a mapping whose entries are settings of parts: says to editors and listings which there are.

    The mapping's own validator checks the entries.

    Attributes:
        models: returns part's name -> its settings. It is called when somebody asks, never at import.
        chosen_by: the key of an entry that names its part, where the entry's own name doesn't.

    Example:
        >>> class Rate(Strict):
        ...     rate: float = 1.0
        >>> class Suite(Strict):
        ...     methods: Annotated[dict[str, Any], Parts(lambda: {"ft": Rate})]
    """

    models: Callable[[], Mapping[str, type[BaseModel]]]
    chosen_by: str = ""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the entries: one property a part, or any name where a key of the entry names the part."""
        described = handler(schema)
        parts = {
            name: {"anyOf": [handler(TypeAdapter(model).core_schema), {"type": "null"}]}
            for name, model in sorted(self.models().items())
        }
        return {
            **{
                key: value for key, value in described.items() if key in ("title", "default", "minProperties")
            },
            "type": "object",
            "properties": parts,
            "additionalProperties": bool(self.chosen_by),
            "x-entries": True,
            **({"x-chosen-by": self.chosen_by} if self.chosen_by else {}),
        }


_LATER = "added later"


def added_later(default: Any, **constraints: Any) -> Any:
    """Declare a setting that came after cells with these settings had been stored.

    At its default such a setting has no part in a cell's identity (:func:`identity_of`), so that the cells of
    before are found again. Its default must therefore be what happened before there was the setting.

    Example:
        >>> class Training(Strict):
        ...     epochs: int = 10
        ...     warmup: int = added_later(0, ge=0)
        >>> identity_of(Training()), identity_of(Training(warmup=5))
        ({'epochs': 10}, {'epochs': 10, 'warmup': 5})
    """
    return Field(default, json_schema_extra={_LATER: True}, **constraints)


def identity_of(settings: BaseModel) -> dict[str, Any]:
    """Return settings as JSON values for a cell's configuration, see :func:`added_later`, at any depth.

    Example:
        >>> class Training(Strict):
        ...     epochs: int = 10
        >>> identity_of(Training(epochs=3))
        {'epochs': 3}
    """
    found: dict[str, Any] = settings.model_dump(mode="json")
    _leave_out_later(settings, found)
    return found


def _leave_out_later(value: Any, written: Any) -> None:
    """Remove what came later and is at its default, at any depth, from how a value was written as JSON."""
    if isinstance(value, BaseModel) and isinstance(written, dict):
        fields = type(value).model_fields
        for name, inner in value:
            extra = fields[name].json_schema_extra if name in fields else None
            if isinstance(extra, dict) and _LATER in extra and inner == fields[name].default:
                written.pop(name, None)
            else:
                _leave_out_later(inner, written.get(name))
    elif isinstance(value, Mapping) and isinstance(written, dict):
        for one, other in zip(value.values(), written.values(), strict=False):  # keys are text in JSON alone
            _leave_out_later(one, other)
    elif isinstance(value, list | tuple) and isinstance(written, list):
        for one, other in zip(value, written, strict=False):
            _leave_out_later(one, other)
