"""What a model's cells occupy, and whether its trainings can be divided among so many workers."""

from gridcell import Resources, UserError, divided
from imagenet_rib.grid.training_settings import Optimiser, changed
from imagenet_rib.settings import Pretraining, Settings


def occupied(settings: Settings) -> Resources:
    """Return what a model's training or evaluation occupies.

    Raises:
        UserError: a batch can't be divided among the workers, or a training can't be sharded.
    """
    needed = settings.resources
    scratch = {name: how for name, how in settings.pretrainings.items() if isinstance(how, Pretraining)}
    trained = {"training": settings.training}
    trained |= {f"pretrainings.{name}": how for name, how in scratch.items()}
    for name, chosen in settings.methods.items():
        if chosen.training is not None:
            trained[f"methods.{name}.training"] = changed(settings.training, chosen.training)
    for where, how in trained.items():
        divided(how.batch_size, needed.workers, f"{where}.batch_size")
        if needed.fsdp and (other := unsharded(how)):
            raise UserError(f"resources.fsdp can't be used with {where}.{other}")
    return Resources(needed.cpus, needed.gpus, needed.workers, sharded=needed.fsdp)


def unsharded(training: Optimiser) -> str | None:
    """Return the setting with which a model's weights can't be shared out among workers; None if none is so.

    A compiled model and a judged one are needed whole, and ``fp16`` scales losses by what all gradients say.

    Example:
        >>> unsharded(Optimiser(compile=True))
        'compile=true'
    """
    if training.compile:
        return "compile=true"
    if training.validation_share is not None:
        return f"validation_share={training.validation_share:g}"
    return "precision=fp16" if training.precision == "fp16" else None
