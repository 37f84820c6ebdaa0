"""What a cell that computes with a model occupies."""

from gridcell import Resources, divided
from imagenet_rib.grid.training_settings import changed
from imagenet_rib.settings import Pretraining, Settings


def resources_of(settings: Settings) -> Resources:
    """Return what a model's training or evaluation occupies.

    Raises:
        UserError: a batch can't be divided among the workers.
    """
    needed = settings.resources
    scratch = {name: how for name, how in settings.pretrainings.items() if isinstance(how, Pretraining)}
    trained = {"training": settings.training}
    trained |= {f"pretrainings.{name}": how for name, how in scratch.items()}
    for name, chosen in settings.methods.items():
        if chosen.training is not None and chosen.training.batch_size is not None:
            trained[f"methods.{name}.training"] = changed(settings.training, chosen.training)
    for where, how in trained.items():
        divided(how.batch_size, needed.workers, f"{where}.batch_size")
    return Resources(**needed.model_dump())
