"""An entry of a suite that says by one of its keys which part it is, checked by that part's own settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic_core import core_schema

from gridcell import plugins
from gridcell.errors import did_you_mean
from gridcell.registry import Registry
from gridcell.settings.mistakes import Mistake, SettingsError
from gridcell.settings.parse import parse_settings


@dataclass(frozen=True, eq=False)
class OneOf:
    """Annotates an entry whose ``key`` names a part of a registry: ``{kind: frontier, gamma: 0.8}``.

    The entry becomes an instance of the part's ``parameters`` that has the name, too, under the key. Parts
    are looked up when an entry is checked, so that one of the user's own file is known like any other.

    Attributes:
        registry: of parts that have a ``name`` and ``parameters``, a model that derives from ``Strict``.
        key: of the entry, which names its part.

    Example:
        >>> AnyAgent = Annotated[Parameters, OneOf(registry, "kind")]  # doctest: +SKIP
        >>> class Suite(Strict):  # doctest: +SKIP
        ...     agents: dict[str, AnyAgent]
    """

    registry: Registry[Any]
    key: str = "kind"

    def parse(self, given: Any) -> BaseModel:
        """Check an entry.

        Raises:
            SettingsError: it names no part, or a setting is wrong.
        """
        if isinstance(given, BaseModel):
            given = {**given.model_dump(), self.key: getattr(given, self.key, None)}
        if not isinstance(given, Mapping):
            raise ValueError("it must hold 'key: value' settings")
        name = given.get(self.key)
        if name is None:
            raise SettingsError([Mistake((self.key,), "The setting '{where}' is missing", missing=True)])
        parts = self.registry.all
        if not isinstance(name, str) or name not in parts:
            hint = did_you_mean(str(name), parts, plugins.hint())
            raise SettingsError([Mistake((self.key,), f"Unknown '{{where}}' '{name}': {hint}")])
        return parse_settings(_named(parts[name].parameters, self.key, name), given)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Let :meth:`parse` check entries, and write them with all their settings."""
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(_written, info_arg=True)
        return core_schema.no_info_plain_validator_function(self.parse, serialization=written)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors and listings which parts there are."""
        models = [_named(part.parameters, self.key, name) for name, part in self.registry.all.items()]
        # A union, of which pydantic asks each model itself: given a model, it would not ask for descriptions.
        made = handler(core_schema.union_schema([TypeAdapter(model).core_schema for model in models]))
        return made if "anyOf" in made else {"anyOf": [made]}


@cache
def _named(parameters: type[BaseModel], key: str, name: str) -> type[BaseModel]:
    """Return a part's settings with its name among them."""
    named: Any = (Literal[name], ...)
    # Else two parts with the same settings, or two whose settings have one name, would be one definition.
    title = f"{parameters.__name__}_{name}"
    return create_model(title, __base__=parameters, __doc__=parameters.__doc__, **{key: named})


def _written(model: BaseModel, info: Any) -> dict[str, Any]:
    return model.model_dump(mode=info.mode)
