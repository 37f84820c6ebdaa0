"""Every method that divides its batches, trained by processes that share the weights out among them."""

from pathlib import Path

from fine_tuned import in_memory, trained
from gridcell.cell import Resources
from gridcell.store import Store

MOST_DIFFERENT = {
    "ewc": {"method": "ewc"},  # a loss of the weights themselves
    "lora": {"method": "lora"},  # frozen weights beside those that train
    "checkpointed": {"method": "l2_sp", "gradient_checkpointing": True},
}
OTHERS = {method: {"method": method} for method in ("ft", "lp", "lwf", "visual_prompt")} | {
    "resnet": {"method": "ewc", "model": "resnet"},
    "resnet, lp": {"method": "lp", "model": "resnet", "once": False},  # all but its head is frozen
}
CASES = MOST_DIFFERENT | OTHERS
Answers = dict[str, object]


def most_different(rank: int, world_size: int, folder: Path) -> Answers:
    """Return the weights and the last loss of each case."""
    return _answers(MOST_DIFFERENT, rank, world_size, folder)


def others(rank: int, world_size: int, folder: Path) -> Answers:
    """Return the weights and the last loss of each case."""
    return _answers(OTHERS, rank, world_size, folder)


def _answers(cases: dict[str, dict[str, object]], rank: int, world_size: int, folder: Path) -> Answers:
    resources = Resources(workers=world_size, sharded=True)
    return {
        name: trained(
            folder / f"{rank}-{name}",
            Store(folder / f"store-{name}"),  # of its own: all cases are the same cell
            in_memory(),
            rank=rank,
            resources=resources,
            **case,
        )
        for name, case in cases.items()
    }
