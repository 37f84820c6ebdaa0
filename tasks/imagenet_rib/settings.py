"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gridcell.suite import parse_settings
from imagenet_rib.methods import get

DOWNSTREAM = ("v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c")
"""The eight sets, in the paper's order."""


class Strict(BaseModel):
    """Settings that refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Architecture(Strict):
    """A timm classifier: its name, and what is passed on to timm when it is built."""

    name: str
    options: dict[str, Any] = {}


class Optimiser(Strict):
    """How weights are updated, under a cosine schedule per step after a linear warm-up."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(10, ge=1)


class Pretraining(Optimiser):
    """How a model is trained from scratch before it is fine-tuned."""

    augmentation: Literal["plain", "rich"] = "plain"


class Data(Strict):
    """Where the images come from.

    Attributes:
        source: ``digits`` (scikit-learn's handwritten digits, embedded), or ``folder`` (a suite of sets that
            ``gridcell data derive`` made).
        root: the folder, for ``folder``.
        image_size: side in pixels that the digits are scaled to; a folder's images keep theirs.
        seed: of the split into pools and of the derived shifts, for ``digits``.
        shifts: per shift, what to set other than its defaults, for ``digits``.
    """

    source: Literal["digits", "folder"] = "digits"
    root: str | None = None
    image_size: int = Field(32, ge=16)
    seed: int = Field(0, ge=0)
    shifts: dict[str, dict[str, Any]] = {}


class Fisher(Strict):
    """The diagonal Fisher information: from how many images, with whose labels."""

    samples: int = Field(1000, ge=1)
    empirical: bool = False


class Evaluation(Strict):
    """How evaluation is cut into cells: one per model, or one per model and evaluated set."""

    cut: Literal["model", "set"] = "model"


class Distance(Strict):
    """How far the downstream sets are from the pre-training data, by the features of the pre-trained models.

    Attributes:
        enabled: whether it is asked for at all.
        source: the set that stands for the pre-training data.
        max_images: of each set whose features are computed.
        labels: distance of two classes: between their Gaussians, or exact optimal transport.
        solver: of the coupling of the samples.
        max_samples: of either set in the coupling.
        repeats: draws of those samples, where a set has more.
        regularisation: of ``sinkhorn``, as a share of the mean cost.
        memory_gb: beyond which a distance is refused before it allocates anything.
    """

    enabled: bool = False
    source: Literal["pretrain", "val"] = "pretrain"
    max_images: int = Field(50_000, ge=1)
    labels: Literal["gaussian", "exact"] = "gaussian"
    solver: Literal["exact", "sinkhorn"] = "exact"
    max_samples: int = Field(5000, ge=1)
    repeats: int = Field(3, ge=1)
    regularisation: float = Field(0.05, gt=0)
    memory_gb: float = Field(8.0, gt=0)
    seed: int = Field(0, ge=0)


class Needed(Strict):
    """What a training or evaluation cell occupies."""

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]


class Settings(Strict):
    """A suite: architectures x pre-trainings x methods x downstream sets x seeds."""

    data: Data = Data()
    architectures: dict[Name, Architecture] = Field(min_length=1)
    pretrainings: dict[Name, Pretraining] = Field(min_length=1)
    methods: dict[str, Any] = Field(min_length=1)
    downstream: list[Name] = Field(list(DOWNSTREAM), min_length=2)
    training: Optimiser = Optimiser()
    fisher: Fisher = Fisher()
    evaluation: Evaluation = Evaluation()
    distance: Distance = Distance()
    resources: Needed = Needed()
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, methods: dict[str, Any]) -> dict[str, BaseModel]:
        return {
            name: parse_settings(get(name).parameters, given or {}, f"methods.{name}")
            for name, given in methods.items()
        }

    @field_validator("downstream", "seeds")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("a value is listed twice")
        return values
