"""What the training cells share: images into batches, settings into an optimiser, a fit that can go on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridcell import Context, UserError, divided
from gridcell.data import LabelledSet
from imagenet_rib.cells.validation import Judged, validation
from imagenet_rib.grid.training_settings import lightning_precision

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from torch import Tensor, nn

CHECKPOINT_EVERY_S = 30.0

Batches = Callable[..., Iterable[Any]]
"""Called with a batch size and with ``seed``, ``rank``, ``world_size`` and ``accumulate``; see
``gridcell.data.image_set``."""


def train_classifier(
    context: Context,
    model: "nn.Module",
    loss: "Callable[[nn.Module, Tensor, Any], Tensor]",
    images: LabelledSet,
    batches: Batches,
    settings: Mapping[str, Any],
    architecture: str,
    *,
    transform: "Callable[[Tensor], Tensor] | None" = None,
    trainable: Callable[[str], bool] | None = None,
    frozen_statistics: bool = False,
    moving_statistics: bool = False,
    judged: Judged | None = None,
    callbacks: "Sequence[Callback]" = (),
) -> dict[str, Any]:
    """Train a model in place on one set of images.

    Args:
        context: seed, device, checkpoints and reporting.
        model: what to train.
        loss: called as ``loss(model, images, labels)`` with what each batch holds.
        images: the set.
        batches: makes batches of it: of its images and labels, or of what stands for either.
        settings: of the optimiser: the keys of ``imagenet_rib.grid.training_settings.Optimiser``, those
            with an effect.
        architecture: asserted when a checkpoint is loaded.
        transform: on the device from what a batch holds, e.g. uint8 images ``(N, H, W, 3)``, to the model's
            inputs; None where it holds these already.
        trainable: which parameters train, by name; all by default.
        frozen_statistics: whether batch normalisation keeps its statistics.
        moving_statistics: whether it updates them where its scale and shift don't train, too.
        judged: what is held out to judge each epoch by, and how; None for nothing.
        callbacks: Lightning's, of the method.

    Returns:
        What a cell answers: ``final_loss``, the mean loss of the last epoch; where epochs are judged, also
        ``validation_images``, ``epochs`` (that were trained), ``kept_epoch`` (from 1, whose weights the model
        has now) and ``validation_accuracy`` (of these, in percent).

    Raises:
        Diverged: the loss is not finite.
        UserError: labels and classes don't fit, the precision can't be had on this device, or callbacks would
            see the parts of the weights that each worker has.
    """
    import torch

    from gridcell.learn import Classifier, Optimisation, fit
    from imagenet_rib.learning.checkpointing import checkpoint_gradients
    from imagenet_rib.learning.masking import check_labels

    _check_warmup(context, settings, images)
    sharded = context.cell.resources.sharded
    if sharded and callbacks:
        raise UserError(
            "This method has callbacks, which see weights, and with resources.fsdp each worker has a part "
            "of them: run it without"
        )
    check_labels(torch.from_numpy(images.labels), torch.tensor(images.classes), len(images.class_names))
    keys = ("optimiser", "lr", "momentum", "weight_decay", "warmup_share", "warmup_steps", "schedule")
    if settings.get("gradient_checkpointing"):
        checkpoint_gradients(model)
    if settings.get("compile"):
        model.compile()  # in place: names of parameters stay
    module = Classifier(
        model,
        loss,
        architecture=architecture,
        optimisation=Optimisation(**{key: settings[key] for key in keys if key in settings}),
        trainable=trainable,
        frozen_statistics=frozen_statistics,
        moving_statistics=moving_statistics,
        transform=transform,
        sharded=sharded,
    )

    batch_size = settings["batch_size"]
    share = divided(batch_size, context.workers, "training.batch_size")
    _, accumulate = context.batch_and_accumulation(share)

    def report(step: int, loss: float, lr: float, epoch: int, **judged: float) -> None:
        accuracy = {"validation_accuracy": judged["validation"]} if judged else {}
        context.report(step, loss=loss, lr=lr, **accuracy)

    told = fit(
        module,
        batches(
            batch_size,
            seed=context.seed,
            rank=context.rank,
            world_size=context.workers,
            accumulate=accumulate,
        ),
        epochs=settings["epochs"],
        seed=context.seed,
        accumulate=accumulate,
        rank=context.rank,
        world_size=context.workers,
        accelerator="gpu" if context.device == "cuda" else "cpu",
        precision=precision_of(settings, context.device),
        checkpoints=context.checkpoints,
        checkpoint_every_s=CHECKPOINT_EVERY_S,
        pause_at=context.stop,
        validation=None if judged is None else validation(context, settings, judged),
        callbacks=callbacks,
        report=report,
        beat=context.report,
        progress_bar=context.foreground,
    )
    if judged is None:
        return {"final_loss": told["loss"]}
    kept = "best_validation" if settings.get("checkpoint") == "best" else "validation"
    return {
        "final_loss": told["loss"],
        "validation_images": len(judged.images),
        "validation_accuracy": told[kept],
        "epochs": int(told["epoch"]),
        "kept_epoch": int(told["kept_epoch"]),
    }


def _check_warmup(context: Context, settings: Mapping[str, Any], images: LabelledSet) -> None:
    """Refuse a warm-up that lasts as long as the training: it would have to be cut short."""
    steps = -(-len(images) // settings["batch_size"]) * settings["epochs"]
    warmup = settings.get("warmup_steps") or 0
    if warmup >= steps and not context.fast:
        raise UserError(
            f"training.warmup_steps is {warmup}, but the {len(images)} images of set '{images.name}' make "
            f"{steps} steps: the learning rate would never reach its peak. Give fewer, or a "
            "training.warmup_share"
        )


def precision_of(settings: Mapping[str, Any], device: str) -> str | None:
    """Return the precision that settings ask for, as a fit takes it; None leaves the choice to the fit.

    Raises:
        UserError: it can't be had on this device.
    """
    try:
        return lightning_precision(settings.get("precision", "auto"), device)
    except ValueError as error:
        raise UserError(str(error)) from error
