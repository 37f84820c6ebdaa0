"""``far``: fragmentation and recall around another curiosity (Hwang et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Literal

from pydantic import Field, model_validator

from farcuriosity.curiosity.interface import Curiosity, Kind, Parameters
from farcuriosity.curiosity.rules import RELEASED, Rules
from gridcell import UserError, parse_settings, spell_out, unknown, with_preset

DEFAULT_RHO = {"ratio": 10.0, "z": 2.0}
PRESETS = {"released": RELEASED}


class Settings(Parameters):
    """Settings of fragmentation and recall.

    ``preset: released`` sets every rule of the authors' released code; what is written beside it goes first.
    """

    model_config = with_preset(PRESETS)

    around: str = Field(default="rnd", description="the curiosity that each fragment has one of")
    module: dict[str, Any] = Field(default={}, description="settings of that curiosity")
    capacity: int = Field(default=800, ge=2, description="fragments that are kept at most")
    resident: int | None = Field(
        default=64,
        ge=1,
        description="fragments that are held in memory at most, beside those in use; the others are files in "
        "the machine's temporary folder; null for all",
    )
    criterion: Literal["ratio", "z"] = Field(default="ratio", description="of surprise")
    rho: float | None = Field(default=None, gt=0, description="threshold; by default 10 (ratio) or 2 (z)")
    least: int = Field(default=25, ge=1, description="errors after which a fragment can be left")
    recall: float = Field(default=0.99, gt=0, le=1, description="cosine similarity that recalls a fragment")
    novelty: float = Field(
        default=0.75, ge=0, le=1, description="cosine similarity to a key from which no fragment is made"
    )
    novelty_full: float = Field(default=0.5, ge=0, le=1, description="the same when memory is full")
    decay: Literal["filled", "calls"] = Field(
        default="filled",
        description="to novelty_full: as memory fills, or with every segment by (fragments - 1) / capacity "
        "of the way, for good (released)",
    )
    dwell: int = Field(
        default=0, ge=0, description="steps after a switch in which nothing is recalled (hysteresis)"
    )
    window: int | None = Field(
        default=None, ge=2, description="newest errors that statistics are taken over; null for all"
    )
    keys: Literal["shared", "module", "frame"] = Field(
        default="shared",
        description="what a state is recognised by: a frozen network that all fragments share, over "
        "observations normalised as they were when training began; the module's own, over observations as it "
        "normalises them now (released); or the frame",
    )
    frame_size: int | None = Field(default=None, ge=1, description="pixels that frames are averaged down to")
    centre: bool = Field(default=False, description="take the mean key of the first states off each key")
    surprise_joins: bool = Field(
        default=True,
        description="a surprising error where no fragment may be made joins the statistics (released: not)",
    )
    repeats: Literal["uncounted", "skip"] = Field(
        default="uncounted",
        description="an error equal to the one before joins no statistics, or its step is left out whole "
        "(released)",
    )
    divisor: Literal["n", "n-1"] = Field(default="n", description="of the variance (released: n-1)")
    floor: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation below which errors make no fragment and join nothing (released: "
        "1e-6)",
    )
    zero_key: Literal["all", "sum"] = Field(
        default="all", description="no fragment is made where all of a key is 0, or its sum (released)"
    )
    order: Literal["steps", "environments"] = Field(
        default="steps",
        description="environments act at the same time, or one after the other through the whole segment "
        "(released)",
    )
    keep_used: bool = Field(
        default=True, description="a full memory overwrites no fragment that is in use (released: it may)"
    )
    burn_in_uses: bool = Field(
        default=True, description="a segment of burn-in is a use of its fragment (released: it is not)"
    )
    normalisers: Literal["shared", "module"] = Field(
        default="shared",
        description="of rewards and observations: one for all fragments, or one each (released)",
    )
    recall_rewards: Literal["given", "zero"] = Field(
        default="given", description="of the steps after a recall, until the segment ends (released: given)"
    )

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, given: Any) -> Any:
        return spell_out(given, PRESETS, "far")

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        _inner(self.around, self.module)
        if self.window is not None and self.window < self.least:
            raise ValueError(
                f"a window of {self.window} errors never holds the {self.least} that 'least' asks for"
            )
        if self.centre and self.keys == "module":
            raise ValueError("'centre' needs keys that all fragments share: set 'keys' to shared or frame")
        return self

    def fit(self, environments: int) -> None:
        """Check that memory has room for them.

        Raises:
            ValueError: it hasn't.
        """
        self.rules().check(environments)

    def rules(self) -> Rules:
        """Return what decides on fragments."""
        values = self.model_dump()
        chosen = {each.name: values[each.name] for each in fields(Rules)}
        return Rules(**chosen | {"rho": self.rho if self.rho is not None else DEFAULT_RHO[self.criterion]})


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    device: str = "cpu",
    **parameters: Any,
) -> Curiosity:
    """Give every fragment a module of the other curiosity.

    Raises:
        UserError: the other curiosity does not exist, has no module or no such settings, or the capacity is
            too small for so many environments.
    """
    from farcuriosity.curiosity.fragmentation import Fragmentation
    from farcuriosity.curiosity.fragments import Fragmenting
    from farcuriosity.curiosity.keys import key_dimension

    settings = Settings(**parameters)
    inner, inner_settings = _inner(settings.around, settings.module)
    dimension = key_dimension(
        observation_shape, settings.keys, inner_settings["features"], settings.frame_size
    )
    try:
        decisions = Fragmentation(environments, dimension, device=device, **asdict(settings.rules()))
    except ValueError as error:
        raise UserError(f"Settings of far: {error}") from error
    fragmenting = Fragmenting(
        decisions,
        keys=settings.keys,
        frame_size=settings.frame_size,
        centre=settings.centre,
        own_normalisers=settings.normalisers == "module",
        recall_rewards=settings.recall_rewards == "given",
        resident=settings.resident,
    )
    return inner.make(
        observation_shape,
        actions,
        environments,
        seed,
        device=device,
        fragmenting=fragmenting,
        **inner_settings,
    )


def _inner(around: str, module: Mapping[str, Any]) -> tuple[Kind, dict[str, Any]]:
    from farcuriosity.curiosity.modules import curiosities

    choices = {name: other for name, other in curiosities.all.items() if other.fragmentable}
    if around not in choices:
        raise unknown("curiosity for far to be around", around, choices)
    settings = parse_settings(choices[around].parameters, module, "module")
    return choices[around], settings.model_dump()


kind = Kind(
    name="far",
    summary="A module for each fragment of the world, made where surprise is high (Hwang et al. 2023).",
    parameters=Settings,
    make=make,
)
