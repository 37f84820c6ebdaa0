"""A task whose cells train a small network on several workers, and can be told to fail on one of them."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell import Cell, Context, GridBuilder, Task, UserError
from gridcell.report import GridResults, Report


def plan(settings: Any) -> Any:
    """Plan nothing: tests make their own cells."""
    return GridBuilder("crew").build()


def write(results: GridResults, out: Path) -> Report:
    """Write nothing."""
    raise NotImplementedError


def train(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train three epochs with a checkpoint after each; fail as ``config["fail"]`` says, on the last rank."""
    import torch

    from gridcell.data import Batches
    from gridcell.learn import Classifier, fit
    from learn_problems import cross_entropy, data

    last = context.rank == context.workers - 1
    steps = []

    def loss(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        if last and len(steps) == 8:  # in the second epoch
            fail(cell.config["fail"], context)
        return cross_entropy(model, images, labels)

    def report(step: int, loss: float, lr: float, epoch: int) -> None:
        context.report(step, loss=loss)

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 3))
    share, accumulate = context.batch_and_accumulation(12 // context.workers)
    how = {"rank": context.rank, "world_size": context.workers, "accumulate": accumulate}
    fit(
        Classifier(model, loss),
        Batches(*data(), batch_size=12, seed=context.seed, **how),
        epochs=3,
        seed=context.seed,
        accelerator="cpu",
        checkpoints=context.checkpoints,
        checkpoint_every_s=0,
        report=report,
        **how,
    )
    torch.save(model.state_dict(), context.outputs / "weights.pt")
    return {"pid": os.getpid(), "share": share, "steps": len(steps)}


def add(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Add up the ranks, by torch alone: a process imports Lightning for seconds. The last may fail first."""
    import torch

    if context.rank == context.workers - 1:
        fail(cell.config["fail"], context)
    ranks = torch.tensor(context.rank)
    torch.distributed.all_reduce(ranks)
    share, _ = context.batch_and_accumulation(12 // context.workers)
    return {"ranks": int(ranks), "share": share}


def fail(how: str, context: Context) -> None:
    """Fail, while the other workers wait for this one's gradients."""
    import torch

    once = Path(context.locations["markers"]) / f"{context.cell.id}-{how}"
    if how == "killed once" and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "out of memory" and context.oom_halvings == 0:
        raise torch.OutOfMemoryError("CUDA out of memory")
    if how == "refused":
        raise UserError("no such thing")


def vit(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train a small vision transformer on 1,024 random images, without checkpoints: for timing."""
    import torch

    from gridcell.data import Batches
    from gridcell.learn import Classifier, fit
    from imagenet_rib.learning.models import build_model
    from learn_problems import cross_entropy

    torch.manual_seed(0)
    model = build_model("vit_tiny_patch16_224", num_classes=10, image_size=64, patch_size=8, depth=6)
    images, labels = torch.randn(1024, 3, 64, 64), torch.randint(10, (1024,))
    how = {"rank": context.rank, "world_size": context.workers}
    loader = Batches(images, labels, batch_size=64, **how)
    fit(Classifier(model, cross_entropy), loader, epochs=1, seed=0, accelerator="cpu", **how)
    return {}


task = Task(
    name="crew",
    summary="Cells on several workers.",
    settings=object,  # type: ignore[arg-type]
    suites=Path(),
    plan=plan,
    cells={"train": "crew_task:train", "add": "crew_task:add", "vit": "crew_task:vit"},
    report="crew_task:write",
)
