"""``gridcell export``: a cell's model as a folder that timm and gridcell load."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context, Exporting, UserError
from gridcell.data import LabelledImages
from imagenet_rib.cells.evaluate import merged
from imagenet_rib.cells.inputs import WEIGHTS, Inputs, ModelBuilder
from imagenet_rib.export.model_card import model_card
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import get

if TYPE_CHECKING:
    from torch import Tensor, nn

OWN_WEIGHTS = ("pretrain", "pretrained", "head", "train")
"""Kinds of cells that leave weights."""

MODEL = "model.safetensors"
PROVENANCE = "provenance.json"


def export(cell: Cell, exporting: Exporting) -> list[str]:
    """Write a model's weights, timm's record of it, a model card and where it comes from.

    ``model.safetensors`` names the classes; ``config.json`` has the form of timm's hub, with classes and
    preparation, so that ``timm.create_model("local-dir:DIR", pretrained=True)`` needs no other argument.

    Args:
        cell: One that leaves weights, or an evaluation, whose weights are exported, merged where it merges.
        exporting: The store, and an empty folder to write to.

    Returns:
        Lines that say how to load it.

    Raises:
        UserError: The cell has no model, it isn't done, or timm can't build the model.
    """
    context = Context(
        cell=cell,
        store=exporting.store,
        outputs=exporting.folder,
        scratch=exporting.scratch,
        cache=exporting.scratch,
        locations=exporting.locations,
    )
    inputs, weights = _weights(cell, context)
    names = _class_names(cell, inputs, exporting.plan)
    model = inputs.models.build(weights)
    record: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
    if not _from_timm(cell, exporting.plan):
        record = _own_record(record)
    sizes = [one.size if isinstance(one, LabelledImages) else None for one in inputs.sets.values()]
    record = _as_tested(record, sizes, inputs.models.image_size)
    model.pretrained_cfg = record  # type: ignore[assignment]
    provenance = exporting.provenance()
    _write(model, inputs, weights, names, exporting.folder)
    (exporting.folder / PROVENANCE).write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
    accuracies = _accuracies(cell, exporting)
    made_by = _made_by(cell, exporting.plan)
    card = model_card(inputs.models.name, made_by, names, provenance, accuracies, record)
    (exporting.folder / "README.md").write_text(card, encoding="utf-8")
    _check(model, exporting.folder, inputs.models.image_size, _count(weights, model))
    return _how_to_load(inputs.models, exporting.to)


def _made_by(cell: Cell, plan: Mapping[str, Cell]) -> Cell:
    """Return the cell that made the weights: of an evaluation that merges nothing, the one that it needs."""
    if cell.kind == "evaluate" and cell.config.get("merge") is None:
        return plan[cell.needs["weights"]]
    return cell


def _from_timm(cell: Cell, plan: Mapping[str, Cell]) -> bool:
    """Whether the weights began as published ones, and not as random numbers."""
    return (
        any(
            plan[need].kind == "pretrained" or _from_timm(plan[need], plan)
            for role, need in cell.needs.items()
            if not is_data(role)
        )
        or cell.kind == "pretrained"
    )


def _own_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return timm's record of an architecture without what it says of weights that this model hasn't got."""
    published = {"tag", "url", "file", "license", "origin_url", "paper_ids", "paper_name", "notes"}
    published |= {"hf_hub_id", "hf_hub_filename"}
    return {key: value for key, value in record.items() if key not in published}


def _as_tested(
    record: Mapping[str, Any], sizes: Sequence[tuple[int, int] | None], side: int
) -> dict[str, Any]:
    """Return timm's record with the crop that the model was trained and tested with.

    Images that are held in memory at the model's size were neither resized nor cut, whatever crop timm's
    architecture names: with that crop other pixels would be seen, and the accuracies would not come out.

    Args:
        record: timm's.
        sizes: Height and width of each set, pixels; None of one whose pictures are read from files.
        side: Of the model's inputs, pixels.
    """
    if not sizes or any(size != (side, side) for size in sizes):
        return dict(record)
    kept = {key: value for key, value in record.items() if key not in ("test_input_size", "test_crop_pct")}
    return kept | {"crop_pct": 1.0, "crop_mode": "center"}


def _weights(cell: Cell, context: Context) -> tuple[Inputs, dict[str, Tensor]]:
    from imagenet_rib.learning.models import load_weights

    if cell.kind in OWN_WEIGHTS:
        inputs = Inputs.of(context, "pre" if cell.kind == "train" else None)
        _check_plain(cell)
        path = context.store.results.fetch(context.store.results.read(cell.id), WEIGHTS, context.scratch)
        return inputs, load_weights(path, inputs.models.identity)
    if cell.kind != "evaluate":
        raise UserError(
            f"Cell {cell.title or cell.id} has no model: export one of the kinds {', '.join(OWN_WEIGHTS)} or "
            "evaluate"
        )
    roles = [role for role in cell.needs if not is_data(role)]
    for role in roles:
        _check_plain(context.need(role).cell)
    inputs = Inputs.of(context, roles[0])
    weights = {role: inputs.weights(role) for role in roles}
    return inputs, dict(merged(cell.config["merge"], weights))


def _check_plain(cell: Cell) -> None:
    """Refuse weights that the bare architecture can't hold."""
    method = get(cell.config["method"]) if "method" in cell.config else None
    if isinstance(method, FineTuning) and method.wrap is not None:
        raise UserError(f"'{method.name}' adds to the architecture, so timm can't load what it trained")


def _class_names(cell: Cell, inputs: Inputs, cells: Mapping[str, Cell]) -> tuple[str, ...]:
    from gridcell.data import imagenet_wnids

    if inputs.sets:
        return tuple(next(iter(inputs.sets.values())).class_names)
    if "classes" in cell.config:
        return tuple(cell.config["classes"])
    return imagenet_wnids() if cell.config.get("head_classes", 1000) == 1000 else ()


def _write(
    model: nn.Module, inputs: Inputs, weights: Mapping[str, Tensor], names: Sequence[str], folder: Path
) -> None:
    import torch
    from safetensors.torch import save
    from timm.models import save_for_hf

    from imagenet_rib.learning.checkpoint_files import CLASSES_KEY

    labels = {"label_names": list(names)} if names else {}
    plain = model.to(memory_format=torch.contiguous_format)
    save_for_hf(plain, str(folder), model_config=labels, safe_serialization=True)
    about = {"format": "pt", "architecture": inputs.models.identity}
    if names:
        about[CLASSES_KEY] = json.dumps(list(names))
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    (folder / MODEL).write_bytes(save(tensors, metadata=about))


def _count(weights: Mapping[str, Tensor], model: nn.Module) -> int:
    from imagenet_rib.learning.models import head_parameters

    return len(weights[head_parameters(model)[0]])


def _check(model: nn.Module, folder: Path, size: int, classes: int) -> None:
    """Make sure that plain timm answers as the model does.

    Raises:
        UserError: It doesn't.
    """
    import timm
    import torch

    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = model.eval()(images)
        try:
            theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()(images)
        except (RuntimeError, TypeError) as error:
            raise UserError(f"timm can't build this model: {str(error).splitlines()[0]}") from error
    if ours.shape != (2, classes) or not torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4):
        raise UserError(
            "timm can't build this model: residual networks for images of up to 64 pixels have a stem of "
            "their own here, without pooling"
        )


def _accuracies(cell: Cell, exporting: Exporting) -> dict[str, float]:
    """Return the accuracies of the cell's model, by set, from its evaluations that are done."""
    done = exporting.store.results.done()
    found: dict[str, float] = {}
    for one in exporting.plan.values():
        own = one.id == cell.id or (one.config.get("merge") is None and one.needs.get("weights") == cell.id)
        if one.kind == "evaluate" and own and one.id in done:
            found |= exporting.store.results.read(one.id).metrics["accuracy"]
    return found


def _how_to_load(models: ModelBuilder, to: str) -> list[str]:
    """Return lines that say how to load an export: in any program, and as a suite of its own."""
    base = models.name.partition(".")[0]
    options = f", options: {json.dumps(dict(models.options))}" if models.options else ""
    place = json.dumps(str(Path(to).resolve()), ensure_ascii=False)  # a suite may lie in another folder
    return [
        "README.md there has the code that names a picture's class; it begins with",
        f"  timm.create_model({json.dumps(f'local-dir:{to}', ensure_ascii=False)}, pretrained=True)",
        "To start from it, a suite, as a file of its own:",
        "  extends: mini  # or the suite that you run",
        "  without: [architectures, pretrainings]  # those of that suite",
        f"  architectures: {{mine: {{name: {base}{options}}}}}",
        f"  pretrainings: {{exported: {{source: file, path: {place}, input_size: {models.image_size}}}}}",
    ]
