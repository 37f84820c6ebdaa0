"""A file that cells train on is damaged after the cell that made it is done."""

from gridcell.cluster.chaos.damage import flip_bit
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Flip a bit of the data while the first models train; those that begin later must notice."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    (shard,) = (trial.folder / "store" / "artifacts").glob("*/*/shard.npy")
    shard.write_bytes(flip_bit(shard.read_bytes()))
    trial.end(driver)


FAULT = Fault(
    "shard-corrupt",
    "a bit of the training data is flipped; the cell that made it makes it again",
    strike,
    remade=("data",),
)
