"""A Lightning module around a ready model, a loss and a choice of which parameters train."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Self

import lightning.pytorch as pl
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from gridcell.errors import UserError
from gridcell.learn.optimisers import Optimisation, build_optimiser, build_schedule, can_be_fused
from gridcell.learn.sharding import gather_into, sharded_copy
from gridcell.learn.sync_batchnorm import SharedStatistics, collects_statistics

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
_TAKES_WEIGHTS = (
    "This loss takes the model's weights as if each worker had all of them, and here each has a part. "
    "Write it with gridcell.learn's own_part and sum_of_parts, or train without fsdp."
)
_WITH_STATISTICS = (nn.modules.batchnorm._BatchNorm,)


class Classifier(pl.LightningModule):
    """Trains some parameters of a model by SGD or AdamW under a cosine schedule, step by step.

    On several processes batch normalisation takes its statistics over all of them: over the whole batch,
    as one process does.

    Parts of the model whose parameters are frozen run in evaluation mode (no dropout, stored batch
    statistics): a part trains in training mode only inside a module all of whose parameters train.

    Args:
        model: The model, changed in place.
        loss: Called as ``loss(model, images, labels)``; returns a scalar.
        architecture: Name of the architecture, written into checkpoints and compared on loading.
        optimisation: Optimiser and schedule.
        trainable: Says by its name whether a parameter trains; by default all do.
        frozen_statistics: Whether batch normalisation keeps its statistics although its scale and
            shift may train.
        moving_statistics: Whether batch normalisation updates its statistics although its scale and shift may
            be frozen; not together with ``frozen_statistics``.
        transform: Applied to the images on the device before the loss, e.g. a normalisation of uint8
            images of shape ``(N, H, W, 3)``.
        sharded: Whether the processes of a fit share the weights out among them, as that fit is told, too.
            A copy of the model trains; the model has its weights when the fit has ended.

    Raises:
        UserError: If no parameter is left to train; in a sharded fit, if the loss takes weights as if each
            process had all of them.
        ValueError: If statistics are to be both frozen and moving.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        *,
        architecture: str = "",
        optimisation: Optimisation | None = None,
        trainable: Callable[[str], bool] | None = None,
        frozen_statistics: bool = False,
        moving_statistics: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
        sharded: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.architecture = architecture or type(model).__name__
        self.optimisation = optimisation or Optimisation()
        if frozen_statistics and moving_statistics:
            raise ValueError("Statistics of batch normalisation are either frozen or moving")
        self.frozen_statistics, self.moving_statistics = frozen_statistics, moving_statistics
        self.transform = transform
        self._share_statistics = False
        self.sharded = sharded
        self._whole: list[nn.Module] = []  # the model itself, while a sharded copy of it trains
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(trainable is None or trainable(name))
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(f"No parameter of '{self.architecture}' is left to train.")

    def train(self, mode: bool = True) -> Self:
        """Set training mode where parameters train, evaluation mode elsewhere."""
        super().train(mode)
        if mode:
            set_training_mode(
                self.model,
                frozen_statistics=self.frozen_statistics,
                moving_statistics=self.moving_statistics,
            )
        return self

    def configure_model(self) -> None:
        """Let a copy train whose weights are shared out, where that is asked for."""
        if self.sharded and self.trainer.world_size > 1 and not self._whole:
            self._whole.append(self.model)
            self.model = sharded_copy(self.model, self.device_mesh["data_parallel"])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Step in one kernel where that can be done now, also if the checkpoint's weights were sharded."""
        fused = can_be_fused([p for p in self.model.parameters() if p.requires_grad])
        for state in checkpoint["optimizer_states"]:
            for group in state["param_groups"]:
                group["fused"] = fused

    def on_fit_end(self) -> None:
        """Give the model the weights of the copy that trained."""
        if self._whole:
            model, copied = self._whole.pop(), self.model
            gather_into(model, copied)
            self.model = model

    def on_fit_start(self) -> None:
        """Enter training mode; Lightning leaves modes as it finds them."""
        self.train()
        self._share_statistics = self.trainer.world_size > 1 and collects_statistics(self.model)

    def training_step(self, batch: tuple[Any, ...], batch_idx: int) -> Tensor:
        """Return the loss of one batch of images and labels, times its weight if it ends with one."""
        images, labels, weight = batch if len(batch) == 3 else (*batch, 1.0)
        if self.transform is not None:
            images = self.transform(images)
        with SharedStatistics(counts=weight > 0) if self._share_statistics else nullcontext():
            loss = self._loss_of(images, labels)
        return loss * weight if len(batch) == 3 else loss

    def _loss_of(self, images: Tensor, labels: Tensor) -> Tensor:
        try:
            loss = self.loss(self.model, images, labels)
        except RuntimeError as error:
            if not (self._whole and "DTensor" in str(error)):
                raise
            raise UserError(_TAKES_WEIGHTS) from error
        if isinstance(loss, DTensor):
            raise UserError(_TAKES_WEIGHTS)
        return loss

    def configure_optimizers(self) -> dict[str, Any]:
        """Build the optimiser over what trains, and its schedule over the whole fit."""
        trained = (parameter for parameter in self.model.parameters() if parameter.requires_grad)
        optimiser = build_optimiser(trained, self.optimisation)
        schedule = build_schedule(optimiser, self.optimisation, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def set_training_mode(
    model: nn.Module, *, frozen_statistics: bool = False, moving_statistics: bool = False
) -> None:
    """Put a model into training mode where its parameters require gradients, elsewhere into evaluation mode.

    A part without parameters, such as dropout, follows the smallest enclosing part that has some; it
    trains only if all of that part does. In a linear probe the head alone is in training mode.

    Args:
        model: The model, changed in place.
        frozen_statistics: Whether batch normalisation stays in evaluation mode in any case.
        moving_statistics: Whether batch normalisation is in training mode in any case.
    """
    model.eval()
    _train_where_all_trains(model)
    if frozen_statistics or moving_statistics:
        for part in model.modules():
            if isinstance(part, _WITH_STATISTICS):
                part.train(moving_statistics)


def _train_where_all_trains(part: nn.Module) -> None:
    parameters = list(part.parameters())
    if parameters and all(parameter.requires_grad for parameter in parameters):
        part.train()
        return
    for child in part.children():
        _train_where_all_trains(child)
