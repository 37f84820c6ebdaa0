"""What cells of one kind occupy beyond what their task asks for: ``resources: {train: {memory_gb: 32}}``."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from gridcell.cell import Resources
from gridcell.errors import UserError, unknown
from gridcell.settings.base import Strict
from gridcell.settings.core_yaml import Document, read_yaml
from gridcell.settings.mistakes import SettingsError
from gridcell.settings.parse import parse_settings

RESOURCES = "resources"

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$")]
_Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?$")]
_Value = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")]


class Occupied(Strict):
    """What cells of a kind occupy; what is left out stays as the task has it. No part of any id.

    Attributes:
        cpus: cores of each worker, and so threads.
        gpus: of each worker; a fraction shares one.
        memory_gb: memory of each worker, in units of 1e9 bytes.
        gpu_type: kind of the GPU, as Ray names it: H100, A100, L4, ...
        custom: amounts of resources that the cluster's nodes were started with, by name.
        labels: values of labels that a node must have, by name; Ray's nodes are started with some
            (``ray start --labels``), and have others by themselves, such as ``ray.io/accelerator-type``.
    """

    cpus: int | None = Field(None, ge=1)
    gpus: float | None = Field(None, ge=0)
    memory_gb: float | None = Field(None, gt=0)
    gpu_type: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]+$")
    custom: dict[_Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    labels: dict[_Label, _Value] = Field(default_factory=dict)

    def of(self, kind: str, resources: Resources) -> Resources:
        """Return what a cell of ``kind`` occupies whose task asks for ``resources``.

        Raises:
            UserError: it asks for a kind of GPU, and for no GPU.
        """
        given = {
            name: value
            for name in ("cpus", "gpus", "memory_gb", "gpu_type")
            if (value := getattr(self, name)) is not None
        }
        custom, labels = tuple(sorted(self.custom.items())), tuple(sorted(self.labels.items()))
        found = replace(resources, **given, custom=custom, labels=labels)
        if found.gpu_type and not found.gpus:
            raise UserError(
                f"resources.{kind}.gpu_type is {found.gpu_type}, and cells of that kind ask for no GPU: "
                f"set resources.{kind}.gpus, too"
            )
        return found


def split_resources(
    document: Document, overrides: Sequence[str], kinds: Collection[str]
) -> tuple[Document, tuple[str, ...], dict[str, Occupied]]:
    """Take what cells of single kinds occupy out of a suite.

    Args:
        document: the suite's.
        overrides: ``dotted.key=value`` each, the value in YAML.
        kinds: of cells that the task has.

    Returns:
        the task's own settings, the other overrides, and what each kind that is named occupies.

    Raises:
        UserError: there is no such kind, or what it occupies is wrong.
    """
    values = document.values if isinstance(document.values, dict) else {}
    given = values.get(RESOURCES)
    given = given if isinstance(given, dict) else {}
    of_kinds = {kind: dict(asked) for kind, asked in given.items() if isinstance(asked, dict)}
    others: list[str] = []
    for override in overrides:
        named = re.fullmatch(rf"{RESOURCES}\.([\w-]+)\.([\w.:/-]+)=(.*)", override, re.S)
        if named is None:
            others.append(override)
            continue
        kind, key, text = named.groups()
        within = re.fullmatch(r"(custom|labels)\.(.+)", key)  # a label's name may have dots
        place, last = (within[1], within[2]) if within else ("", key)
        asked = of_kinds.setdefault(kind, {})
        (asked.setdefault(place, {}) if place else asked)[last] = read_yaml(
            text, f"'--set {override}': the value", lines=False
        ).values
    if not of_kinds:
        return document, tuple(overrides), {}
    for kind in of_kinds:
        if kind not in kinds:
            raise unknown("kind of cell below 'resources':", kind, kinds)
    try:
        occupied = {
            kind: parse_settings(Occupied, asked, (RESOURCES, kind)) for kind, asked in of_kinds.items()
        }
    except SettingsError as error:
        raise SettingsError(error.mistakes, document.places) from error
    rest = {name: value for name, value in given.items() if name not in of_kinds}
    kept = {name: value for name, value in values.items() if name != RESOURCES}
    return Document(kept | ({RESOURCES: rest} if rest else {}), document.places), tuple(others), occupied


def occupied_by(kind: str, resources: Resources, occupied: Mapping[str, Occupied]) -> Resources:
    """Return what a cell of ``kind`` occupies."""
    return occupied[kind].of(kind, resources) if kind in occupied else resources
