"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from gridcell import (
    Distinct,
    Parts,
    Seeds,
    SettingsError,
    Strict,
    added_later,
    collect,
    parse_settings,
    unknown,
)
from imagenet_rib.grid.chosen_methods import Chosen, entries, parse_methods
from imagenet_rib.grid.model_options import check_options
from imagenet_rib.grid.training_settings import Optimiser, changed

DOWNSTREAM = ("v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c")
"""The eight sets, in the paper's order."""


class Architecture(Strict):
    """A timm classifier: its name, and what is passed on to timm when it is built.

    Attributes:
        name: timm's name; may end in the tag of its published weights after a dot.
        options: passed on to timm, which is asked whether the model takes them.
        pretrainings: those it is combined with; all where left out.
    """

    name: str
    options: dict[str, Any] = {}
    pretrainings: list[str] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _options_of_the_model(self) -> Self:
        check_options(self.name, self.options)
        return self


class Pretraining(Optimiser):
    """How a model is trained from scratch before it is fine-tuned.

    Attributes:
        augmentation: images as they are (``plain``), or each changed in its own way (``rich``).
        policy: of ``rich``: ``own`` (pose, colours, sharpness, noise and occlusion), or one that was
            published for photographs, as torchvision has it: ``auto_augment`` (Cubuk et al. 2019,
            ImageNet's), ``rand_augment`` (Cubuk et al. 2020), ``trivial_augment`` (Mueller & Hutter 2021) or
            ``aug_mix`` (Hendrycks et al. 2020).
    """

    augmentation: Literal["plain", "rich"] = "plain"
    policy: Literal["own", "auto_augment", "rand_augment", "trivial_augment", "aug_mix"] = added_later("own")

    @model_validator(mode="after")
    def _policy_of_rich(self) -> Self:
        if self.policy != "own" and self.augmentation != "rich":
            raise ValueError("'policy' goes with augmentation: rich")
        return self


class Pretrained(Strict):
    """Published weights instead of pre-training from scratch, for data that label ImageNet's classes.

    Attributes:
        source: where they come from: ``timm`` (its hub), ``torchvision``, ``file`` (a local file), or
            ``offline`` (a package that carries them).
        tag: which weights: timm's tag, or torchvision's name; of a ``file``, the timm tag of the weights
            whose normalisation and crop it goes with.
        path: of a ``file``: safetensors, or what ``torch.save`` wrote, of weights or of a training program's
            whole state; or a folder that ``gridcell export`` or timm wrote. In no cell's identity: the file's
            content is.
        part: of a ``file`` with several sets of weights for the model: which, e.g. ``teacher``. A moving
            average of the weights (``state_dict_ema``) is taken before the weights themselves.
        head: the last layer. ``auto`` keeps the weights' own where it is for the data's classes, and else
            makes a new one: ``zero_shot`` (from the classes' names, of CLIP models with a text tower), else
            ``fitted`` (a linear probe on the set ``pretrain``). ``published`` keeps it or refuses.
        input_size: side in pixels of the images that the model is given.
        resize: side in pixels to which an image's shorter side is brought before the centre is cut out; by
            default as timm tests these weights.
    """

    source: Literal["timm", "torchvision", "file", "offline"]
    tag: str | None = None
    path: str | None = None
    part: str | None = None
    head: Literal["auto", "published", "fitted", "zero_shot"] = "auto"
    input_size: int = Field(224, ge=16)
    resize: int | None = Field(None, ge=16)

    @model_validator(mode="after")
    def _path_of_a_file(self) -> Self:
        if self.resize is not None and self.resize < self.input_size:
            raise ValueError(f"'resize' ({self.resize}) must be at least 'input_size' ({self.input_size})")
        if (self.source == "file") != (self.path is not None):
            raise ValueError("'path' goes with source: file, and with no other")
        if self.part is not None and self.source != "file":
            raise ValueError("'part' goes with source: file, and with no other")
        return self


class Data(Strict):
    """Where the images come from.

    Attributes:
        source: ``digits`` (scikit-learn's handwritten digits, embedded), ``folder`` (a suite of sets that
            ``gridcell data derive`` made), ``imagenet`` (a folder of images in class folders, of ImageNet's
            classes or your own, from which the sets it lacks are derived), ``published`` (the published
            sets, each in a folder of its name: imported by ``gridcell data import``, or as published), or
            ``shards`` (sets of one's own, each imported by ``gridcell data import folder`` into a folder of
            its name, ``val`` among them, and ``pretrain`` where a head is fitted or Fisher information
            measured). The images of ``published`` and ``shards`` stay where they are and are read batch by
            batch; others are held in memory.
        root: the folder, for all but ``digits``; of imported sets also ``s3://...`` and the like.
        image_size: side in pixels that images in memory are scaled to; those of a ``folder`` keep theirs.
        min_images: of ``imagenet``: classes of a folder with fewer images are left out.
        classes: of ``imagenet``: what folders are named by: ``imagenet``'s classes (WordNet id or index),
            your ``own``, or ``auto``: your own where no name is a class of ImageNet.
        reader: of ``published`` and ``shards``: which library decodes and resizes. ``pil`` is what timm and
            the paper use; ``torchvision`` is twice as fast, and a few pixels differ by a level or two.
        seed: of the split into pools and of the derived shifts.
        shifts: per derived shift, what to set other than its defaults.
        objectnet: which answers are right on set ``objectnet``: ``all`` ImageNet classes that an object's
            class stands for, or ``released``: one class an object, of the 105 that the paper's code has.
    """

    source: Literal["digits", "folder", "imagenet", "published", "shards"] = "digits"
    root: str | None = None
    image_size: int = Field(32, ge=16)
    min_images: int = Field(1, ge=1)
    classes: Literal["auto", "imagenet", "own"] = "auto"
    reader: Literal["pil", "torchvision"] = "pil"
    seed: int = Field(0, ge=0)
    shifts: dict[str, dict[str, Any]] = {}
    objectnet: Literal["all", "released"] = "all"


class Fisher(Strict):
    """The diagonal Fisher information: from how many images, with whose labels.

    Attributes:
        samples: images that it is averaged over.
        empirical: whether the data's labels are taken, or labels drawn from the model's predictions.
    """

    samples: int = Field(1000, ge=1)
    empirical: bool = False


class Evaluation(Strict):
    """How evaluation is cut into cells.

    Attributes:
        cut: one cell per ``model``; one per model and evaluated ``set``; or the same, with set ``c`` cut
            further, into one cell per ``corruption``.
        max_images: of each set that are tested on, the same for all models; all by default. Every corruption
            and severity of set c gives at least one.
        precision: of the answers: ``mixed`` on GPUs (float32 on processors), or ``float32`` everywhere.
    """

    cut: Literal["model", "set", "corruption"] = "model"
    max_images: int | None = Field(None, ge=1)
    precision: Literal["mixed", "float32"] = "mixed"


class Distance(Strict):
    """How far the downstream sets are from the pre-training data, by the features of the pre-trained models.

    Attributes:
        enabled: whether it is asked for at all.
        source: the set that stands for the pre-training data.
        max_images: of each set whose features are computed.
        labels: distance of two classes: between their Gaussians, or exact optimal transport.
        solver: of the coupling of the samples.
        max_samples: of either set in the coupling.
        max_per_class: samples of either class in ``exact`` distances of classes.
        repeats: draws of those samples, where a set has more.
        regularisation: of ``sinkhorn``, as a share of the mean cost.
        memory_gb: beyond which a distance is refused before it allocates anything.
        seed: of the images and samples that are drawn.
    """

    enabled: bool = False
    source: Literal["pretrain", "val"] = "pretrain"
    max_images: int = Field(50_000, ge=1)
    labels: Literal["gaussian", "exact"] = "gaussian"
    solver: Literal["exact", "sinkhorn"] = "exact"
    max_samples: int = Field(5000, ge=1)
    max_per_class: int = Field(500, ge=1)
    repeats: int = Field(3, ge=1)
    regularisation: float = Field(0.05, gt=0)
    memory_gb: float = Field(8.0, gt=0)
    seed: int = Field(0, ge=0)


class Needed(Strict):
    """What a cell that computes with a model occupies.

    Attributes:
        cpus: of each worker.
        gpus: of each worker; a fraction shares one.
        workers: processes that train or evaluate one model together. Every batch is divided among them.
        fsdp: whether the workers also share out the weights that train, so that each holds a part of them, of
            their gradients and of the optimiser's state: for models that one GPU can't hold. The same steps,
            up to rounding. Evaluation has the whole model on each worker.
    """

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)
    workers: int = Field(1, ge=1)
    fsdp: bool = False

    @model_validator(mode="after")
    def _with_others(self) -> Self:
        if self.fsdp and self.workers == 1:
            raise ValueError("'fsdp' shares a model out among workers: give 'workers', at least 2")
        return self


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]


Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Settings(Strict):
    """A suite: architectures x pre-trainings x methods x downstream sets x seeds.

    Attributes:
        data: where the images come from.
        architectures: name -> model.
        pretrainings: name -> how a model is trained from scratch, or which published weights it takes.
        methods: name -> its settings, or ``kind`` and settings of a variant; nothing takes the defaults.
        downstream: sets that models are fine-tuned on, and tested on.
        training: how fine-tuning goes.
        fisher: how the Fisher information is measured.
        evaluation: how evaluation is cut into cells.
        distance: how far the sets are from the pre-training data.
        resources: what a cell occupies.
        seeds: of the fine-tuning, one run each.
        published_figures: files of published accuracies that the report shows beside its own. The shipped
            ones are shown where the sets are the published ones.
    """

    data: Data = Data()
    architectures: dict[Name, Architecture] = Field(min_length=1)
    pretrainings: dict[Name, Pretraining | Pretrained] = Field(min_length=1)
    methods: Annotated[dict[Label, Chosen], Parts(entries, chosen_by="kind")] = Field(min_length=1)
    downstream: Annotated[list[Name], Distinct] = Field(list(DOWNSTREAM), min_length=2)
    training: Optimiser = Optimiser()
    fisher: Fisher = Fisher()
    evaluation: Evaluation = Evaluation()
    distance: Distance = Distance()
    resources: Needed = Needed()
    seeds: Seeds = [0]
    published_figures: Annotated[list[str], Distinct] = []

    @field_validator("pretrainings", mode="before")
    @classmethod
    def _scratch_or_published(cls, given: Any, known: ValidationInfo) -> Any:
        if not isinstance(given, dict):
            return given
        for name, architecture in known.data.get("architectures", {}).items():
            for wanted in architecture.pretrainings or ():
                if wanted not in given:
                    raise unknown(f"pre-training of architecture '{name}':", wanted, given)
        return collect(given, _pretraining)

    @field_validator("methods", mode="before")
    @classmethod
    def _known_methods(cls, given: Any) -> Any:
        return parse_methods(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _trainings_of_methods(self) -> Self:
        mistakes = []
        for name, chosen in self.methods.items():
            try:
                changed(self.training, chosen.training)
            except SettingsError as error:
                mistakes += [mistake.within(("methods", name, "training")) for mistake in error.mistakes]
        if mistakes:
            raise SettingsError(mistakes)
        return self


def _pretraining(name: str, values: Any) -> BaseModel:
    """Parse one entry by its kind, so that messages speak of that kind's settings alone."""
    if isinstance(values, BaseModel):
        return values
    kind = Pretrained if isinstance(values, dict) and "source" in values else Pretraining
    return parse_settings(kind, values)
