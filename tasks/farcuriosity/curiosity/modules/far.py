"""``far``: fragmentation and recall around another curiosity (Hwang et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from farcuriosity.curiosity.capacity import check_capacity
from farcuriosity.curiosity.interface import Curiosity, Kind, Parameters
from gridcell.errors import UserError, unknown
from gridcell.settings import parse_settings

DEFAULT_RHO = {"ratio": 10.0, "z": 2.0}


class Settings(Parameters):
    """Settings of fragmentation and recall."""

    around: str = Field(default="rnd", description="the curiosity that each fragment has one of")
    module: dict[str, Any] = Field(default={}, description="settings of that curiosity")
    capacity: int = Field(default=800, ge=2, description="fragments that are kept at most")
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
        description="to novelty_full: as memory fills, or with every step (released)",
    )
    keys: Literal["shared", "module", "frame"] = Field(
        default="shared",
        description="what a state is recognised by: a frozen network that all fragments share, the module's "
        "own (released), or the frame",
    )
    frame_size: int | None = Field(default=None, ge=1, description="pixels that frames are averaged down to")

    @model_validator(mode="after")
    def _module_fits(self) -> Settings:
        _inner(self.around, self.module)
        return self

    def fit(self, environments: int) -> None:
        """Check that memory has room for them.

        Raises:
            ValueError: it hasn't.
        """
        check_capacity(self.capacity, environments)


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    around: str,
    module: Mapping[str, Any],
    rho: float | None,
    criterion: Literal["ratio", "z"],
    keys: Literal["shared", "module", "frame"],
    frame_size: int | None,
    device: str = "cpu",
    **thresholds: Any,
) -> Curiosity:
    """Give every fragment a module of the other curiosity.

    Raises:
        UserError: the other curiosity does not exist, has no module or no such settings, or the capacity is
            too small for so many environments.
    """
    from farcuriosity.curiosity.fragmentation import Fragmentation
    from farcuriosity.curiosity.keys import key_dimension

    inner, settings = _inner(around, module)
    try:
        fragmentation = Fragmentation(
            environments,
            key_dimension(observation_shape, keys, settings["features"], frame_size),
            criterion=criterion,
            rho=rho if rho is not None else DEFAULT_RHO[criterion],
            device=device,
            **thresholds,
        )
    except ValueError as error:
        raise UserError(f"Settings of far: {error}") from error
    return inner.make(
        observation_shape,
        actions,
        environments,
        seed,
        device=device,
        fragmentation=fragmentation,
        keys=keys,
        frame_size=frame_size,
        **settings,
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
