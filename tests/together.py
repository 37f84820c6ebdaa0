"""What processes of a group do together in tests, and what one process does in their place."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from gridcell.data.batches import Batches
from gridcell.errors import Diverged, UserError
from gridcell.learn.checkpoint import PeriodicCheckpoint
from gridcell.learn.classifier import Classifier
from gridcell.learn.fitting import fit
from gridcell.learn.gathering import gather, whole_batches
from gridcell.learn.optimisers import Optimisation
from gridcell.learn.sharding import own_part, sum_of_parts
from learn_problems import Folder, cross_entropy, data

BATCH, EPOCHS = 12, 3  # of 50 samples: the last batch has two


def pulled(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, and half of the squared weights: a loss of the weights themselves."""
    value = cross_entropy(model, images, labels)
    weights = list(model.parameters())
    own = torch.stack([own_part(weight, weight).square().sum() for weight in weights])
    return value + sum_of_parts(own.sum() / 2, weights[0])


WAYS = {
    "plain": {"normalised": False, "accumulate": 1},
    "accumulated": {"normalised": False, "accumulate": 2},
    "normalised": {"normalised": True, "accumulate": 1},
    "normalised, accumulated": {"normalised": True, "accumulate": 2},
    "pulled, accumulated": {"normalised": False, "accumulate": 2, "loss": pulled},
}
CASES = WAYS | {f"sharded, {name}": way | {"sharded": True} for name, way in WAYS.items()}


def network(normalised: bool) -> nn.Module:
    torch.manual_seed(0)
    middle = nn.BatchNorm1d(16) if normalised else nn.Identity()
    return nn.Sequential(nn.Linear(6, 16), middle, nn.Tanh(), nn.Linear(16, 3)).double()


def trained(
    rank: int,
    world_size: int,
    *,
    normalised: bool,
    accumulate: int,
    sharded: bool = False,
    loss: Any = cross_entropy,
    **kept: Any,
) -> dict[str, Any]:
    """Train a small network; return its weights and what was reported."""
    images, labels = data()
    held: set[int] = set()  # numbers of weights that this process trains

    def noted(model: nn.Module, *batch: Tensor) -> Tensor:
        held.add(sum(own_part(weight, weight).numel() for weight in model.parameters()))
        return loss(model, *batch)

    reports: list[dict[str, float]] = []
    how = {"rank": rank, "world_size": world_size, "accumulate": accumulate}
    optimisation = Optimisation(lr=0.1, warmup_share=0.2)
    module = Classifier(network(normalised), noted, optimisation=optimisation, sharded=sharded)
    fit(
        module,
        Batches(images.double(), labels, batch_size=BATCH, seed=4, **how),
        epochs=EPOCHS,
        seed=4,
        accelerator="cpu",
        report=lambda **metrics: reports.append(metrics),
        **how,
        **kept,
    )
    return {"weights": module.model.state_dict(), "reports": reports, "held": held}


def everything(rank: int, world_size: int, folder: Path) -> dict[str, Any]:
    """Train in every way, diverge, write checkpoints, and share out an evaluation."""
    answer: dict[str, Any] = {name: trained(rank, world_size, **case) for name, case in CASES.items()}
    answer["diverged"] = diverges(rank, world_size)
    answer["random"] = random_states(rank, world_size, folder)
    for before in (False, True):
        for after in (False, True):
            where = folder / f"interrupted-{before}-{after}"
            answer[f"interrupted, {before}, {after}"] = interrupted(rank, world_size, where, before, after)
    answer["whole weights"] = takes_whole_weights(rank, world_size)
    answer["shares"] = [
        gather(torch.arange(total)[own.start : own.stop], world_size).tolist()
        for total in range(9)
        for own in [whole_batches(total, 2, rank, world_size)]
    ]
    return answer


def interrupted(rank: int, world_size: int, folder: Path, before: bool, after: bool) -> dict[str, Any]:
    """Train plainly, but stop within the first epoch and go on from a checkpoint of there.

    ``before`` and ``after`` that the weights are sharded or not.
    """
    folder.mkdir(exist_ok=True)
    calls = iter(range(3))

    def stops(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if next(calls, None) is None:
            raise InterruptedError
        return cross_entropy(model, images, labels)

    kept = {"checkpoints": Folder(folder), "checkpoint_every_s": 0}
    with mock.patch.object(PeriodicCheckpoint, "LOOK_EVERY", 2), suppress(InterruptedError):
        trained(rank, world_size, **WAYS["plain"], sharded=before, loss=stops, **kept)
    torch.distributed.barrier()
    went_on_from = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    return {**trained(rank, world_size, **WAYS["plain"], sharded=after, **kept), "from": went_on_from}


def takes_whole_weights(rank: int, world_size: int) -> list[str]:
    """Return what is said of losses that take the weights as if this process had all of them."""

    def largest(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return next(model.parameters()).square().sum()

    def decayed(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(model, images, labels) + largest(model, images, labels)

    said = []
    for loss in (largest, decayed):
        try:
            trained(rank, world_size, **WAYS["plain"], sharded=True, loss=loss)
        except UserError as error:
            said.append(str(error))
    return said


def diverges(rank: int, world_size: int) -> str:
    """Return what is said when the loss of the last process alone is not finite."""

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        value = cross_entropy(model, images, labels)
        return value * float("nan") if rank == world_size - 1 else value

    module = Classifier(network(False).float(), loss)
    how = {"rank": rank, "world_size": world_size}
    try:
        fit(module, Batches(*data(), batch_size=BATCH, **how), epochs=1, seed=0, accelerator="cpu", **how)
    except Diverged as error:
        return str(error)
    return ""


def random_states(rank: int, world_size: int, folder: Path) -> list[Tensor]:
    """Fit with checkpoints, go on from the last, and return the states of torch's generators in it."""
    store, how = Folder(folder), {"rank": rank, "world_size": world_size}
    for epochs in (1, 2):
        module = Classifier(network(False).float(), cross_entropy)
        loader = Batches(*data(), batch_size=BATCH, **how)
        fit(
            module,
            loader,
            epochs=epochs,
            seed=0,
            accelerator="cpu",
            checkpoints=store,
            checkpoint_every_s=0,
            **how,
        )
    torch.distributed.barrier()
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    return [state["torch"] for state in checkpoint["gridcell"]["random"]]
