"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_serializer, model_validator

from farcuriosity.curiosity.modules import curiosities, get
from farcuriosity.environments.options import World, check
from gridcell import (
    Mistake,
    Parts,
    Seeds,
    SettingsError,
    Strict,
    collect,
    parse_settings,
    spell_out,
    with_preset,
)

Discount = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$")]


class Environment(Strict):
    """An environment.

    Attributes:
        id: Gymnasium's, e.g. ``ALE/Pong-v5``, ``gridcell/Rooms-v0``, ``CartPole-v1``.
        options: of Atari games and rooms as ``environments.options`` has them; else of its constructor.
        steps: of the agent, over all environments; the training's by default.
    """

    id: str
    options: dict[str, Any] = {}
    steps: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check(self.id, self.options, "options")
        return self


# Where they differ from ours; what is written beside a preset goes first.
PRESETS: dict[str, dict[str, Any]] = {
    # Burda et al. 2018 (arXiv 1810.12894): advantages 2 : 1, an intrinsic return that no episode ends.
    "burda": {
        "gamma": 0.999,
        "intrinsic_gamma": 0.99,
        "extrinsic_weight": 2.0,
        "intrinsic_weight": 1.0,
        "episodic_intrinsic": False,
        "scale_rewards": False,
    },
    # The network of the authors' released agents; their ends at lost lives and pixels are options of Atari.
    "released": {"policy": "released"},
}


class Training(Strict):
    """PPO's hyper-parameters; the defaults are the published ones.

    ``preset: burda`` sets those of random network distillation's own paper, ``preset: released`` those of the
    authors' released agents; what is written beside it goes first.

    Attributes:
        steps: of the agent, over all environments.
        environments: stepped together.
        horizon: steps of each environment between updates.
        epochs: passes over these steps.
        minibatches: per pass.
        lr: Adam's.
        clip: of the probability ratio.
        entropy: weight of the entropy bonus.
        value: weight of the value losses.
        gradient_norm: gradients are scaled down to this norm.
        gamma: discount of the extrinsic reward.
        intrinsic_gamma: of the intrinsic one.
        gae: lambda of the generalized advantages.
        extrinsic_weight: of the extrinsic reward; 0 for curiosity alone.
        intrinsic_weight: of the intrinsic reward.
        clip_rewards: only the sign of extrinsic rewards counts; by default of Atari games alone.
        scale_rewards: divide rewards by the running deviation of their discounted sum.
        episodic_intrinsic: an episode's end also ends the intrinsic return.
        anneal: the step size falls linearly to 0 over the run.
        adam_eps: what Adam adds to the root of its second moments.
        value_clip: how far a value may move from what it was when sampled; null for any.
        policy: convolutions over frames: ``nature`` (Mnih et al. 2015), or ``released``: 16 of 8x8 and 32 of
            4x4, over inputs normalised by the random steps.
        normalise_observations: normalise what the policy sees by running statistics.
        precision: of the policy's network; ``bfloat16`` is faster where the processor has it. On a GPU the
            convolutions of float32 are TF32's, as is torch's way.
        features: numbers that the encoder gives.
        lstm: units of the recurrent policy, 0 for none.
        random_steps: random steps from which the curiosity's observation statistics start.
        runners: processes that step environments; 0: the one that learns.
        learners: processes that learn together.
        threads: that step Atari emulators and compute, per process.
        gpus: of each learner.
    """

    model_config = with_preset(PRESETS)

    steps: int = Field(98_304_000, ge=1)
    environments: int = Field(32, ge=1)
    horizon: int = Field(128, ge=1)
    epochs: int = Field(4, ge=1)
    minibatches: int = Field(4, ge=1)
    lr: float = Field(1e-4, gt=0)
    clip: float = Field(0.1, gt=0)
    entropy: float = Field(0.001, ge=0)
    value: float = Field(0.5, ge=0)
    gradient_norm: float = Field(1.0, gt=0)
    gamma: Discount = 0.99
    intrinsic_gamma: Discount = 0.99
    gae: float = Field(0.95, ge=0, le=1)
    extrinsic_weight: float = Field(1.0, ge=0)
    intrinsic_weight: float = Field(1.0, ge=0)
    clip_rewards: bool | None = None
    scale_rewards: bool = True
    episodic_intrinsic: bool = True
    anneal: bool = False
    adam_eps: float = Field(1e-8, gt=0)
    value_clip: float | None = Field(None, gt=0)
    policy: Literal["nature", "released"] = "nature"
    normalise_observations: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    features: int = Field(512, ge=1)
    lstm: int = Field(512, ge=0)
    random_steps: int = Field(10_000, ge=0)
    runners: int = Field(0, ge=0)
    learners: int = Field(1, ge=1)
    threads: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, given: Any) -> Any:
        return spell_out(given, PRESETS, "training")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        for name in ("minibatches", "runners"):
            if (parts := getattr(self, name)) and self.environments % parts:
                raise ValueError(
                    f"{self.environments} environments can't be shared equally among {parts} {name}: set "
                    "training.environments to a multiple of it"
                )
        if self.environments % (self.minibatches * self.learners):
            raise ValueError(
                f"{self.environments} environments in {self.minibatches} minibatches can't be shared equally "
                f"among {self.learners} learners: set training.environments to a multiple of "
                f"{self.minibatches * self.learners}"
            )
        if self.policy == "released" and not self.random_steps:
            raise ValueError(
                "the released policy's inputs are normalised by random steps: set training.random_steps"
            )
        if self.learners > 1 and self.gpus % 1:
            raise ValueError(
                f"{self.learners} learners can't share a GPU: set training.gpus, which each has, to 1 or 0"
            )
        return self


def processes(runners: int, learners: int) -> int:
    """Return how many of an agent's processes work at once."""
    return max(1 + runners, learners)


class Curiosity(Strict):
    """A curiosity with its parameters.

    Attributes:
        kind: one of ``farcuriosity.curiosity.modules``.
        parameters: of that kind; what is left out takes its default.
    """

    kind: str
    parameters: dict[str, Any] = {}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.parameters}


def _parameters() -> dict[str, type[BaseModel]]:
    return {name: kind.parameters for name, kind in curiosities.all.items()}


class Video(Strict):
    """Recordings of finished agents.

    Attributes:
        enabled: whether episodes are recorded at all.
        max_steps: of an episode.
        fps: frames per second that are shown.
    """

    enabled: bool = False
    max_steps: int = Field(1_000, ge=1)
    fps: int = Field(15, ge=1)


class Evaluation(Strict):
    """Episodes of finished agents, apart from those that they learned from.

    Attributes:
        episodes: played with actions drawn from the policy, and as many with its likeliest; 0 for none.
        policy: the ``last``, or the one with the ``best`` mean return during training.
    """

    episodes: int = Field(0, ge=0)
    policy: Literal["last", "best"] = "last"


class Walk(Strict):
    """The path that is followed in the study of forgetting.

    Attributes:
        laps: through all rooms and back.
        sweeps: of a room at each stay.
        sweep_back: rooms are swept on the way back as well.
        episodes: a lap is an episode; the next begins at the start, without a way back.
        segment: steps after which the curiosity scores and learns.
        epochs: times that it learns from a segment.
        warm_up: random steps from which observation statistics start.
    """

    laps: int = Field(8, ge=1)
    sweeps: int = Field(2, ge=1)
    sweep_back: bool = False
    episodes: bool = False
    segment: int = Field(32, ge=1)
    epochs: int = Field(4, ge=1)
    warm_up: int = Field(1_000, ge=1)


class Forgetting(Strict):
    """The study of forgetting: curiosities follow a path through rooms, without an agent that learns.

    Attributes:
        worlds: name -> world.
        curiosities: name -> kind and parameters.
        path: that is followed.
        paths: name -> path, where several are followed in every world; then ``path`` is none of them.
    """

    worlds: dict[Name, World] = {}
    curiosities: Annotated[dict[Name, Curiosity], Parts(_parameters, chosen_by="kind")] = {}
    path: Walk = Walk()
    paths: dict[Name, Walk] = {}

    @field_validator("curiosities", mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        found = _curiosities(given)
        for name, chosen in found.items() if isinstance(found, dict) else ():
            if isinstance(chosen, Curiosity) and not get(chosen.kind).rewarding:
                raise ValueError(f"'{name}' rewards nothing, so that it has nothing to forget: leave it out")
        return found


class Settings(Strict):
    """A suite: environments x curiosities x seeds, and a study of forgetting.

    Attributes:
        environments: name -> environment.
        curiosities: name -> kind and parameters.
        training: PPO's hyper-parameters.
        forgetting: the study of forgetting.
        video: recordings of finished agents.
        evaluation: episodes of finished agents.
        seeds: of every random choice.
    """

    environments: dict[Name, Environment] = {}
    curiosities: Annotated[dict[Name, Curiosity], Parts(_parameters, chosen_by="kind")] = {}
    training: Training = Training()
    forgetting: Forgetting = Forgetting()
    video: Video = Video()
    evaluation: Evaluation = Evaluation()
    seeds: Seeds = [0]

    @field_validator("curiosities", mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        return _curiosities(given)

    @model_validator(mode="after")
    def _room_for_environments(self) -> Self:
        def fit(name: str, chosen: Curiosity) -> None:
            try:
                get(chosen.kind).parameters(**chosen.parameters).fit(self.training.environments)
            except ValueError as error:
                raise SettingsError([Mistake((), f"The setting '{{where}}' is wrong: {error}")]) from error

        if self.environments:
            try:
                collect(self.curiosities, fit)
            except SettingsError as error:
                raise SettingsError(
                    [mistake.within(("curiosities",)) for mistake in error.mistakes]
                ) from error
        return self


def _curiosities(given: Any) -> Any:
    """Parse ``{far: {rho: 10}, strict: {kind: far, rho: 20}}``; a name that is itself a kind needs none."""
    return collect(given, _curiosity) if isinstance(given, dict) else given


def _curiosity(name: str, values: Any) -> Any:
    if values is not None and not isinstance(values, dict):
        return values
    parameters = dict(values or {})
    kind = get(parameters.pop("kind", name))
    parsed = parse_settings(kind.parameters, parameters)
    return Curiosity(kind=kind.name, parameters=parsed.model_dump(mode="json"))
