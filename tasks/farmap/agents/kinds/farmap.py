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
        gamma: decay of confidence per step.
        rho: threshold of the criterion; the paper has 2.
        epsilon: steps added to the distance of a fragment, so that the present one doesn't win by being near.
        criterion: where a fragment ends: ``z`` or ``ratio`` of the surprisal, or, as controls, after a
            ``random`` or ``uniform`` number of steps.
        period: mean number of steps per fragment of the controls.
        recall: when stored fragments are taken up again: at borders and where a cut falls on what a stored
            map shows (``match``), at borders alone (``border``), or never (``off``).
        likeness: share of the seen cells that a stored map must know with the same colours to match.
        closure: whether a match is also looked for by the colours of the walls; it closes loops after drift.
        share: whether a cell that another fragment knows is no frontier. By default: if there is recall.
        last_look: whether it looks over all maps, laid over each other, where nothing seems to be left. By
            default: if there is recall.
        renew: when borders that were tried are tried again: once something new was ``found``, or, as in the
            authors' code, once a cluster was ``aimed`` at.
        patience: steps without anything new after which the agent looks at everything, or gives up; null:
            never.
        conventions: ``ours``, or ``released``: as the authors' code walks and counts.
        choice: which cluster of a fragment it goes to: by FARMap's weight, or the ``nearest``.
        capacity: fragments that are kept; null: all.
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
