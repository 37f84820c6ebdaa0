"""The methods that a suite names: a method, or a variant of one under a name of the user's own.

Methods:
      ft:                                                        # a method with its defaults
      ewc: {strength: 200}
      ewc-1: {kind: ewc, strength: 1}                            # a variant
      visual_prompt: {training: {lr: 40.0}}                      # trained otherwise than the suite says
      soup-1: {kind: soup, ingredients: [pre, ft, ewc-1, lwf]}   # merges a variant
      wise-ewc: {kind: wise_ft, from: {ft: ewc-1}}               # merges another method where it merges ft

The name is a label: it is in no cell's identity.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, create_model, model_serializer

from gridcell import (
    Mistake,
    SettingsError,
    Strict,
    UserError,
    collect,
    order_by_needs,
    parse_settings,
    unknown,
)
from imagenet_rib.grid.training_settings import TrainingChanges
from imagenet_rib.method import FineTuning, Merging, Method
from imagenet_rib.methods import available, get as method_called
from imagenet_rib.vocabulary import PRE


class Chosen(Strict):
    """One entry of a suite's ``methods``.

    Attributes:
        kind: name of the method.
        parameters: its settings.
        training: what is trained otherwise than the suite's ``training`` says.
        sources: method that this one needs -> name of the entry that is taken for it.
    """

    kind: str
    parameters: Any
    training: TrainingChanges | None = None
    sources: Mapping[str, str] = Field(default_factory=dict)

    @property
    def method(self) -> Method:
        """The method itself."""
        return method_called(self.kind)

    def needs(self) -> tuple[str, ...]:
        """Return the names of the entries whose finished weights this one takes, ``pre`` among them."""
        return tuple(self.source(name) for name in self.method.needs(self.parameters))

    def source(self, name: str) -> str:
        """Return the name of the entry that stands for a method that this one needs."""
        return self.sources.get(name, name)

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        training = {} if self.training is None else {"training": self.training.written()}
        sources = {"from": dict(self.sources)} if self.sources else {}
        parameters: BaseModel = self.parameters
        return {"kind": self.kind, **training, **sources, **parameters.model_dump(mode="json")}


def parse_methods(given: Mapping[str, Any]) -> dict[str, Chosen]:
    """Parse a suite's ``methods``.

    Raises:
        UserError: a method or setting is unknown, a method's own name is given to another kind, or entries
            need each other in a circle.
    """
    found = collect(given, _parse)
    needs = {name: _others(one.needs()) for name, one in found.items()}
    for name, wanted in list(needs.items()):
        for other in wanted:
            if other not in found and other not in available():
                raise unknown(f"method needed by '{name}':", other, {*found, *available()})
            needs.setdefault(other, _others(default(other).needs()) if other not in found else ())
    order_by_needs(needs, "methods")
    return found


def default(name: str) -> Chosen:
    """Return a method with its defaults, for one that is needed but not among a suite's entries."""
    return Chosen(kind=name, parameters=method_called(name).parameters())


def roles(names: Iterable[str], chosen: Mapping[str, Chosen]) -> dict[str, str]:
    """Return the role in which each of the entries that a merge takes is needed.

    A role is a method's name and never a label, so that renaming a variant changes no identity. Several
    variants of one method are numbered in the order given.

    Returns:
        Role -> name of the entry.
    """
    found: dict[str, str] = {}
    for name in names:
        kind = chosen[name].kind if name in chosen else name
        role, number = kind, 2
        while role in found:
            role, number = f"{kind} {number}", number + 1
        found[role] = name
    return found


def check_distinct(name: str, taken: Iterable[tuple[str, str]]) -> None:
    """Make sure that a merge takes no weights twice.

    Args:
        name: of the merge, in the suite.
        taken: of each set of weights the name of the entry, and the id of the cell that makes them.

    Raises:
        UserError: an entry is taken twice, or two entries of the same settings, which are one training.
    """
    first: dict[str, str] = {}
    for entry, cell in taken:
        if cell in first:
            raise UserError(
                f"'{name}' merges the same weights twice, as '{first[cell]}' and as '{entry}': entries of "
                "the same settings are one training. Merge entries of others, e.g. of two learning rates"
            )
        first[cell] = entry


def entries() -> dict[str, type[BaseModel]]:
    """Return what an entry of each method may say, for listings and editors."""
    more: dict[str, Any] = {"training": (TrainingChanges | None, None)}
    return {
        name: (
            create_model(method.parameters.__name__, __base__=method.parameters, **more)
            if isinstance(method, FineTuning)
            else method.parameters
        )
        for name, method in available().items()
    }


def _parse(name: str, values: Any) -> Chosen:
    if isinstance(values, Chosen):
        return values
    if values is not None and not isinstance(values, Mapping):
        raise _wrong((), f"it must hold 'key: value' settings, not {values!r}")
    parameters = dict(values or {})
    kind = parameters.pop("kind", name)
    method = method_called(kind)
    if kind != name and name in available():
        raise _wrong(
            ("kind",),
            f"'{name}' is a method itself; name the variant of '{kind}' otherwise, e.g. '{kind}-2'",
        )
    training, sources = parameters.pop("training", None), parameters.pop("from", None) or {}
    if training is not None and isinstance(method, Merging):
        raise _wrong(("training",), f"it has no effect: '{kind}' merges, it does not train")
    changes = None if training is None else parse_settings(TrainingChanges, training, "training")
    parsed = parse_settings(method.parameters, parameters)
    if not isinstance(sources, Mapping):
        raise _wrong(("from",), f"it must name an entry for a method, not {sources!r}")
    for needed in sources:
        if needed not in method.needs(parsed):
            raise unknown(f"method in '{name}.from':", needed, method.needs(parsed))
    return Chosen(kind=kind, parameters=parsed, training=changes, sources=dict(sources))


def _wrong(path: tuple[str, ...], why: str) -> SettingsError:
    return SettingsError([Mistake(path, f"The setting '{{where}}' is wrong: {why}")])


def _others(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name != PRE)
