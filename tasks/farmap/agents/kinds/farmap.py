"""``farmap``: fragmentation and recall for map building (Hwang et al. 2024)."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from farmap.agents.agent import Agent
from farmap.agents.kind import AgentKind, Parameters

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "released": {
        "rho": 2.0,
        "recall": "border",
        "share": False,
        "last_look": False,
        "renew": "aimed",
        "patience": None,
        "conventions": "released",
    }
}
"""What a preset of FARMap sets; a value given beside it counts."""


class FarMapAgent(Parameters):
    """Fragmentation and recall; see ``agents.farmap.FarMap``.

    Attributes:
        preset: ``released``: by the rules of the authors' code, where these differ from ours.
        share: None: as far as there is recall.
        last_look: likewise.
    """

    preset: Literal["released"] | None = Field(None, exclude=True)
    gamma: float = Field(0.9, ge=0, lt=1)
    rho: float = Field(0.75, gt=0)
    epsilon: float = Field(5.0, gt=0)
    criterion: Literal["z", "ratio", "random", "uniform"] = "z"
    period: int = Field(150, ge=2)
    recall: Literal["match", "border", "off"] = "match"
    likeness: float = Field(0.7, gt=0, le=1)
    closure: bool = False
    share: bool | None = None
    last_look: bool | None = None
    renew: Literal["found", "aimed"] = "found"
    patience: int | None = Field(500, ge=1)
    conventions: Literal["ours", "released"] = "ours"
    choice: Literal["weighted", "nearest"] = "weighted"
    capacity: int | None = Field(None, ge=2)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, values: Any) -> Any:
        """Fill in the preset, and say how ``recall`` is written: it was true or false once."""
        if not isinstance(values, Mapping):
            return values
        given = {**PRESETS.get(str(values.get("preset")), {}), **values}
        if values.get("preset") in PRESETS:
            given["preset"] = None  # what it sets stands there now: written out, these are the same settings
        recall = given.get("recall", "match")
        if isinstance(recall, bool):
            instead = "border (what true meant) or match" if recall else 'off (in quotes: "off")'
            raise ValueError(f"recall is match, border or off: write {instead}")
        for name in ("share", "last_look"):
            if given.get(name) is None:
                given[name] = recall != "off"
            elif given[name] is True and recall == "off":
                raise ValueError(f"{name} needs fragments with offsets, which recall: off does not keep")
        return given


def make(rng: Any, **parameters: Any) -> Agent:
    """Make one."""
    from farmap.agents.farmap import FarMap

    return FarMap(rng, **parameters)


agent = AgentKind("farmap", make, FarMapAgent, version=3, maps=True)
