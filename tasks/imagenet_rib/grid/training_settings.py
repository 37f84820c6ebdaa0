"""The settings of one training run, and how a method's or a model's own settings change the suite's."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from gridcell import Strict, added_later, identity_of, parse_settings

Precision = Literal["auto", "float32", "bf16", "fp16", "tf32"]
Checkpoint = Literal["last", "best"]


class Optimiser(Strict):
    """How weights are updated, under a schedule per step after a linear warm-up.

    Attributes:
        optimiser: ``sgd`` (with momentum) or ``adamw``.
        lr: peak learning rate.
        momentum: of SGD.
        weight_decay: of every trained parameter.
        warmup_share: share of all steps over which the rate rises.
        warmup_steps: the same as a number of steps; the share then has no effect.
        schedule: after the warm-up the rate follows half a ``cosine`` down to zero, or stays ``constant``.
        batch_size: images a step, over all workers.
        epochs: passes over the set.
        max_images: of the set that are trained on, or held out by ``validation_share``; the same whatever the
            method and the seed; all by default.
        precision: ``auto`` is mixed precision on a GPU and float32 on a processor; ``bf16`` and ``fp16`` are
            mixed precision in that format. ``fp16`` scales the loss and needs a GPU. With ``tf32`` a
            GPU rounds what it multiplies in float32 to TF32; with ``float32`` it never does.
        compile: the networks by torch, which takes up to a minute before the first step: worth it for long
            trainings of large models on a GPU.
        gradient_checkpointing: what networks compute is computed again in the backward pass, not kept:
            the same numbers with a part of the memory, in a third more time. Of models without batch
            normalisation, such as vision transformers.
        validation_share: share of each class of the set that is held out, the same images for every method
            and seed. Each epoch is judged by the top-1 accuracy on them; none by default. The published
            settings have none: where it is given, fewer images are trained on.
        checkpoint: weights of the ``last`` epoch are kept, or of the ``best`` by the images held out.
        patience: training ends early, after so many epochs in a row that were no better than the best before
            by the images held out; the schedule stays that of all ``epochs``.
    """

    optimiser: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    warmup_share: float | None = Field(0.1, ge=0, lt=1)
    warmup_steps: int | None = added_later(None, ge=0)
    schedule: Literal["cosine", "constant"] = added_later("cosine")
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(10, ge=1)
    max_images: int | None = added_later(None, ge=1)
    precision: Precision = added_later("auto")
    compile: bool = added_later(False)
    gradient_checkpointing: bool = added_later(False)
    validation_share: float | None = added_later(None, gt=0, lt=1)
    checkpoint: Checkpoint = added_later("last")
    patience: int | None = added_later(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _one_warmup(cls, values: Any) -> Any:
        """Let one of the two count: beside steps the share is None, also where settings are written out."""
        if not isinstance(values, Mapping):
            return values
        given = {name: value for name, value in values.items() if name != "warmup_share" or value is not None}
        if given.get("warmup_steps") is None:
            return given
        if "warmup_share" in given:
            raise ValueError("'warmup_steps' and 'warmup_share' say the same thing: give one of them")
        return {**given, "warmup_share": None}

    @model_validator(mode="after")
    def _held_out_to_judge_by(self) -> Self:
        if self.validation_share is None and (self.checkpoint == "best" or self.patience is not None):
            asked = "checkpoint: best" if self.checkpoint == "best" else "patience"
            raise ValueError(
                f"'{asked}' needs images to judge by: give 'validation_share', e.g. 0.2 of each class"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Return what a cell's configuration says of this training: nothing that has no effect."""
        found = identity_of(self)
        if self.warmup_steps is not None:
            del found["warmup_share"]
        return found


class TrainingChanges(Strict):
    """What is trained otherwise than the suite's ``training`` says; the keys are those of ``Optimiser``.

    Attributes:
        optimiser: in place of ``training.optimiser``.
        lr: in place of ``training.lr``.
        momentum: in place of ``training.momentum``.
        weight_decay: in place of ``training.weight_decay``.
        warmup_share: in place of ``training.warmup_share``.
        warmup_steps: in place of ``training.warmup_steps``.
        schedule: in place of ``training.schedule``.
        batch_size: in place of ``training.batch_size``.
        epochs: in place of ``training.epochs``.
        precision: in place of ``training.precision``.
        max_images: in place of ``training.max_images``.
        compile: in place of ``training.compile``.
        gradient_checkpointing: in place of ``training.gradient_checkpointing``.
        validation_share: in place of ``training.validation_share``.
        checkpoint: in place of ``training.checkpoint``.
        patience: in place of ``training.patience``.
    """

    optimiser: Literal["sgd", "adamw"] | None = None
    lr: float | None = Field(None, gt=0)
    momentum: float | None = Field(None, ge=0, lt=1)
    weight_decay: float | None = Field(None, ge=0)
    warmup_share: float | None = Field(None, ge=0, lt=1)
    warmup_steps: int | None = Field(None, ge=0)
    schedule: Literal["cosine", "constant"] | None = None
    batch_size: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    max_images: int | None = Field(None, ge=1)
    precision: Precision | None = None
    compile: bool | None = None
    gradient_checkpointing: bool | None = None
    validation_share: float | None = Field(None, gt=0, lt=1)
    checkpoint: Checkpoint | None = None
    patience: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if self.warmup_steps is not None and self.warmup_share is not None:
            raise ValueError("'warmup_steps' and 'warmup_share' say the same thing: give one of them")
        return self

    def written(self) -> dict[str, Any]:
        """Return the settings that were given."""
        return self.model_dump(mode="json", exclude_none=True)


def changed(training: Optimiser, *changes: TrainingChanges | None) -> Optimiser:
    """Return a training with changes, each over those before it.

    Raises:
        SettingsError: the changes don't go with what they leave as it is.

    >>> changed(Optimiser(lr=0.1), None, TrainingChanges(lr=40.0, warmup_steps=5)).identity()["lr"]
    40.0
    """
    values: Mapping[str, Any] = training.model_dump(exclude_unset=True)
    for given in (change.written() for change in changes if change is not None):
        # A warm-up in steps replaces one as a share, and the other way round.
        replaced = (
            {"warmup_steps", "warmup_share"} if given.keys() & {"warmup_steps", "warmup_share"} else set()
        )
        values = {key: value for key, value in values.items() if key not in replaced} | given
    return parse_settings(type(training), values)


def lightning_precision(wanted: str, device: str) -> str | None:
    """Return a precision as a fit takes it; None leaves the choice to the fit.

    Args:
        wanted: one of ``Precision``.
        device: torch's device type.

    Raises:
        ValueError: a precision was asked for that can't be had on the device.
    """
    if wanted in ("fp16", "tf32") and device != "cuda":
        raise ValueError(f"precision {wanted} needs a GPU; use bf16 or float32 on a processor")
    names = {"float32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed", "tf32": "tf32"}
    return None if wanted == "auto" else names[wanted]
