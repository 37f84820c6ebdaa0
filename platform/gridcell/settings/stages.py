"""The block ``stages`` of a suite: what each stage of a training changes of the suite's settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.errors import UserError
from gridcell.settings.core_yaml import Document, read_yaml
from gridcell.settings.schema_place import value_at

STAGES = "stages"
"""Key of a suite file: a list of mappings, setting -> value, one a stage."""

Changes = Mapping[str, Any]
"""Setting, as ``--set`` takes it -> value."""


@dataclass(frozen=True)
class Schedule:
    """Settings that change while a cell trains.

    Attributes:
        stages: what each stage changes of the suite's settings, in their order.
        count: of all stages, which share the training equally; of a search, later ones may not be known yet.
    """

    stages: tuple[Changes, ...]
    count: int


def split_stages(
    document: Document, overrides: Sequence[str]
) -> tuple[Document, tuple[str, ...], Schedule | None]:
    """Take the block ``stages`` out of a suite.

    Args:
        document: the suite's.
        overrides: ``dotted.key=value`` each.

    Returns:
        the other settings, the other overrides, and the schedule; None where there is none.

    Raises:
        UserError: the block is no list of mappings, has a single stage, or ``--set`` sets what a stage sets.
    """
    values = dict(document.values) if isinstance(document.values, dict) else {}
    given, place = values.pop(STAGES, None), str(document.places.get((STAGES,), f"'{STAGES}'"))
    others = []
    for override in overrides:
        if named := re.fullmatch(rf"{STAGES}=(.*)", override, re.S):
            place = f"--set {override}"
            given = read_yaml(named[1], f"'{place}': the value", lines=False).values
        elif override.startswith(f"{STAGES}."):
            raise UserError(
                f"'--set {override}': the stages are set together: --set '{STAGES}=[{{...}}, ...]'"
            )
        else:
            others.append(override)
    if given is None:
        return Document(values, document.places), tuple(others), None
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise UserError(
            f"{place}: '{STAGES}' must be a list with what each stage changes, such as "
            "[{training.lr: 0.001}, {training.lr: 0.0005}]"
        )
    if len(given) < 2:
        raise UserError(
            f"{place}: '{STAGES}' has {len(given)} stage{'s' * (len(given) != 1)}: a schedule has at least 2"
        )
    stages = tuple(dict(_settings(one)) for one in given)
    for key in dict.fromkeys(key for one in stages for key in one):
        for override in others:
            if _sets(override, key):
                raise UserError(f"'--set {override}' sets what the stages set by '{key}': leave it out")
    return Document(values, document.places), tuple(others), Schedule(stages, len(stages))


def _sets(override: str, key: str) -> bool:
    """Whether ``--set`` gives a value to a setting, to one below it, or to an entry in which it stands."""
    other, _, text = override.partition("=")
    other = other.strip()
    if f"{other}.".startswith(f"{key}."):
        return True
    if not key.startswith(f"{other}."):
        return False
    given = read_yaml(text, f"'--set {override}': the value", lines=False).values
    return not isinstance(given, Mapping) or value_at(given, key.removeprefix(f"{other}.")) is not None


def _settings(given: Mapping[Any, Any], above: str = "") -> list[tuple[str, Any]]:
    """Return setting -> value of a stage, which may be written dotted or as mappings within mappings."""
    found: list[tuple[str, Any]] = []
    for key, value in given.items():
        name = f"{above}{key}"
        found += _settings(value, f"{name}.") if isinstance(value, Mapping) and value else [(name, value)]
    return found
