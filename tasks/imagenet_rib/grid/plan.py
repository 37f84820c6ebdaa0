"""From settings to cells: what is trained from what, and what is evaluated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridcell import (
    Cell,
    Grid,
    GridBuilder,
    Resources,
    UserError,
    identity_of,
    one_worker,
    version_of,
)
from imagenet_rib.distance.memory import check_memory
from imagenet_rib.grid.chosen_methods import Chosen, check_distinct, default, roles
from imagenet_rib.grid.data_cells import DataCells
from imagenet_rib.grid.effects import as_evaluated, objectnet_answers, recomputes
from imagenet_rib.grid.input_names import HELD_OUT
from imagenet_rib.grid.model_names import check_name
from imagenet_rib.grid.occupied import occupied
from imagenet_rib.grid.own_classes import HeadPlan, class_space, plan_head
from imagenet_rib.grid.part_sentences import part_sentences
from imagenet_rib.grid.published import Published, published
from imagenet_rib.grid.published_figures import check_figures
from imagenet_rib.grid.slices import CORRUPTED, evaluation_cuts
from imagenet_rib.grid.training_settings import changed
from imagenet_rib.method import FineTuning, Merging
from imagenet_rib.settings import Pretrained, Settings
from imagenet_rib.vocabulary import PRE, PRETRAIN, VAL

PRETRAINED_VERSION = 2
"""2: tested with the crop that timm names for the size used, and on GPUs in mixed precision."""

DISTANCE_VERSION = 2
"""2: with the distance of two draws of one distribution, and the excess over it."""

PHOTOGRAPHS_VERSION = 2
"""Of cells that see a part of set c. 2: a photograph is in the part under all corruptions, or under none."""

PRETRAIN_SEED = 0
"""Pre-trained models are given, as in the paper: seeds repeat the fine-tuning alone."""


@dataclass(frozen=True)
class ForSearch:
    """What a search plans otherwise: no distances, and of a method with variants the headline alone.

    ``held_out`` is the part of each set that is tested on, with ``val``, and not trained on; None for none.
    """

    held_out: Mapping[str, Any] | None = None


def plan(settings: Settings, search: ForSearch | None = None) -> Grid:
    """Plan a suite's grid, or one of a search.

    Raises:
        UserError: a data folder can't be used, a method needs one that the suite can't provide, or timm
            has no such model.
    """
    grid = GridBuilder("imagenet-rib")
    brought = _published_weights(grid, settings)
    with grid.setting("data", "root"):  # where it was given by an option, no line of the suite is blamed
        data = _data(grid, settings)
    resources = occupied(settings)
    with grid.setting("published_figures"):
        models = [
            *(one.name for one in settings.architectures.values()),
            *(one.name for one in brought.values()),
        ]
        grid.note(*check_figures(settings, models))
    grid.note(*part_sentences(settings.training.max_images, settings.evaluation.max_images))
    grid.check()
    settings = settings.model_copy(update={"downstream": data.possible(settings.downstream)})
    space = class_space(settings.data, data)
    for architecture_name, architecture in settings.architectures.items():
        for pretraining in architecture.pretrainings or settings.pretrainings:
            model = f"{architecture_name}-{pretraining}"
            how = settings.pretrainings[pretraining]
            if isinstance(how, Pretrained):
                with grid.setting("architectures", architecture_name):
                    weights = brought[model]
                    head = plan_head(model, weights, architecture.options, how, space)
                    pre = _pretrained(grid, model, weights, head, data, one_worker(resources))
                    _plan_model(_Model(grid, settings, model, weights.name, data, pre, resources, search))
                continue
            pre = grid.add(
                "pretrain",
                {
                    "architecture": architecture.model_dump(mode="json", exclude={"pretrainings"}),
                    "pretraining": how.identity(),
                },
                needs=data.of(PRETRAIN),
                seed=PRETRAIN_SEED,
                title=f"pretrain {model}",
                resources=resources,
            )
            _plan_model(_Model(grid, settings, model, architecture.name, data, pre, resources, search))
    return grid.build()


def _published_weights(grid: GridBuilder, settings: Settings) -> dict[str, Published]:
    """Return the published weights of each model that has some; keep what is wrong with any model's name."""
    found: dict[str, Published] = {}
    for architecture_name, architecture in settings.architectures.items():
        with grid.setting("architectures", architecture_name):
            for pretraining in architecture.pretrainings or settings.pretrainings:
                how = settings.pretrainings[pretraining]
                name = architecture.name
                if isinstance(how, Pretrained):
                    model = f"{architecture_name}-{pretraining}"
                    found[model] = published(model, architecture, how)
                    name = found[model].name
                check_name(name)
            if recomputes(settings):
                from imagenet_rib.learning.checkpointing import check_checkpointing

                check_checkpointing(architecture.name, architecture.options)
    return found


def _pretrained(
    grid: GridBuilder, model: str, weights: Published, head: HeadPlan, data: DataCells, resources: Resources
) -> Cell:
    """Plan the cell that brings published weights, and the one that gives them a new last layer."""
    architecture = {**weights.config["architecture"], **head.architecture}
    found = {**weights.config["weights"], **head.weights}
    pre = grid.add(
        "pretrained",
        {"architecture": architecture, "weights": found, **head.pretrained},
        version=PRETRAINED_VERSION,
        needs=data.classes if head.kind == "published" else {},
        title=f"weights of {model}",
        resources=resources,
    )
    for name, path in weights.locations.items():
        grid.locate(name, path)
    grid.note(*head.said)
    if not head.new:
        return pre
    fitted = head.kind == "fitted"
    return grid.add(
        "head",
        {"architecture": architecture, "head": head.kind, **({} if fitted else {"classes": head.classes})},
        needs={"backbone": pre, **(data.of(PRETRAIN) if fitted else {})},
        title=f"head of {model}",
        resources=resources,
    )


def _data(grid: GridBuilder, settings: Settings) -> DataCells:
    if settings.data.source in ("published", "shards"):
        for name, how in settings.pretrainings.items():
            if not isinstance(how, Pretrained):
                raise UserError(
                    f"Pre-training '{name}' starts from scratch, but data.source={settings.data.source} goes "
                    "with published weights: give it a source, e.g. source: timm"
                )
    return DataCells(grid, settings.data, settings.downstream)


@dataclass(frozen=True)
class _Model:
    """A pre-trained model in the plan, and what its cells share."""

    grid: GridBuilder
    settings: Settings
    name: str
    architecture: str
    data: DataCells
    pre: Cell
    resources: Resources
    search: ForSearch | None = None

    @property
    def held_out(self) -> dict[str, Any]:
        """What the configuration of a cell says of the part of a set that is held out."""
        how = self.search.held_out if self.search is not None else None
        return {} if how is None else {HELD_OUT: dict(how)}

    def tested(self, labels: Mapping[str, Any]) -> list[str]:
        """Return the sets that weights are tested on."""
        if self.held_out and "downstream" in labels:
            return [labels["downstream"], VAL]
        return [*self.settings.downstream, VAL]


def _plan_model(model: _Model) -> None:
    settings = model.settings
    _evaluate(model, {"method": PRE}, {"weights": model.pre}, None)  # what all others are compared with
    if settings.distance.enabled and model.data.unsplit is None and model.search is None:
        _plan_distances(model)
    for name, chosen in settings.methods.items():
        if chosen.kind == PRE:
            continue
        reason = _skipped(model, name)
        for downstream in settings.downstream:
            for seed in settings.seeds:
                labels = {"method": name, "downstream": downstream, "seed": seed}
                if reason is not None:
                    model.grid.skip({"model": model.name, **labels}, reason)
                elif isinstance(chosen.method, FineTuning):
                    weights = _train(model, name, downstream, seed)
                    _evaluate(model, labels, {"weights": weights}, None)
                else:
                    _plan_merges(model, chosen, chosen.method, labels)


def _skipped(model: _Model, name: str) -> str | None:
    """Return the first reason why a method, or one whose weights it takes, is skipped; None if none is."""
    if model.data.unsplit is not None:
        return f"the images can't be dealt out to train on some and test on others: {model.data.unsplit}"
    chosen = _chosen(model, name)
    taken = (one for one in chosen.needs() if isinstance(_chosen(model, one).method, FineTuning))
    reasons = (_skipped(model, one) for one in taken)
    return next(filter(None, [chosen.method.skip(model.architecture), *reasons]), None)


def _chosen(model: _Model, name: str) -> Chosen:
    """Return the suite's entry of that name, or the method of that name with its defaults."""
    return model.settings.methods.get(name) or default(name)


def _plan_distances(model: _Model) -> None:
    """Plan the features of all sets, once, and each downstream set's distance from the pre-training data.

    Sets of shifts from outside have features of their own, so that one more repeats none.
    """
    distance, added = model.settings.distance, model.data.added
    check_memory(distance.max_samples, distance.max_samples, distance.solver, int(distance.memory_gb * 1e9))
    together = [distance.source, *(name for name in model.settings.downstream if name not in added)]
    features = _features(model, together, f"features {model.name}")
    how = distance.model_dump(mode="json", exclude={"enabled", "source", "max_images", "memory_gb", "seed"})
    # What has no effect has no part in the id.
    if distance.solver == "exact":
        del how["regularisation"]
    if distance.labels == "gaussian":
        del how["max_per_class"]
    for downstream in model.settings.downstream:
        needs = {"features": features}
        if downstream in added:
            needs["target"] = _features(model, [downstream], f"features {model.name} of {downstream}")
        cell = model.grid.add(
            "distance",
            {"source": distance.source, "target": downstream, **how},
            version=DISTANCE_VERSION,
            needs=needs,
            seed=distance.seed,
            title=f"distance {model.name} to {downstream}",
            resources=one_worker(model.resources),
        )
        model.grid.target({"model": model.name, "downstream": downstream}, cell)


def _features(model: _Model, sets: list[str], title: str) -> Cell:
    distance = model.settings.distance
    return model.grid.add(
        "features",
        {"sets": sets, "max_images": distance.max_images},
        needs={**model.data.of(*sets), "weights": model.pre},
        seed=distance.seed,
        title=title,
        resources=one_worker(model.resources),
    )


def _plan_merges(model: _Model, chosen: Chosen, method: Merging, labels: Mapping[str, Any]) -> None:
    taken = roles(method.ingredients(chosen.parameters), model.settings.methods)
    ingredients = {
        role: _weights(model, chosen.source(name), labels["downstream"], labels["seed"])
        for role, name in taken.items()
    }
    weights = [(chosen.source(name), ingredients[role].id) for role, name in taken.items()]
    check_distinct(labels["method"], weights)
    variants = method.variants(chosen.parameters)
    for variant in variants if model.search is None else variants[:1]:
        alone = method.alone(variant)
        if alone is not None:  # the merge is one of its ingredients, which is evaluated anyway
            _evaluate(model, {**labels, **variant}, {"weights": ingredients[alone]}, None)
        else:
            merge = {"method": method.name, "variant": dict(variant), **version_of(method)}
            _evaluate(model, {**labels, **variant}, ingredients, merge)


def _weights(model: _Model, name: str, downstream: str, seed: int) -> Cell:
    """Return the cell that makes the weights of an entry of the suite for one downstream set."""
    if name == PRE:
        return model.pre
    method = _chosen(model, name).method
    if not isinstance(method, FineTuning):
        raise UserError(f"'{name}' merges weights and so can't itself be merged or started from")
    if method.wrap is not None:
        raise UserError(f"'{name}' adds to the architecture and so can't be merged or started from")
    return _train(model, name, downstream, seed)


def _train(model: _Model, name: str, downstream: str, seed: int) -> Cell:
    chosen = _chosen(model, name)
    method = chosen.method
    if not isinstance(method, FineTuning):
        raise UserError(f"'{name}' merges weights; it has nothing to train")
    needs = {**model.data.of(downstream), "pre": model.pre}
    if method.start != PRE:
        needs["start"] = _weights(model, chosen.source(method.start), downstream, seed)
    if "fisher" in method.statistics:
        needs["fisher"] = model.grid.add(
            "fisher",
            model.settings.fisher.model_dump(mode="json"),
            needs={**model.data.of(PRETRAIN), "pre": model.pre},
            seed=PRETRAIN_SEED,
            title=f"fisher {model.name}",
            resources=one_worker(model.resources),
        )
    config = {
        "method": method.name,
        **version_of(method),
        "parameters": identity_of(chosen.parameters),
        "training": changed(model.settings.training, chosen.training).identity(),
        "downstream": downstream,
        **objectnet_answers(model.settings, [downstream]),
        **model.held_out,
    }
    title = f"{model.name} {name} on {downstream} seed {seed}"
    resources = one_worker(model.resources) if method.compares_images else model.resources
    training = config["training"]
    in_part = "max_images" in training or "validation_share" in training
    version = _version(model, [downstream], in_part=in_part)
    return model.grid.add(
        "train", config, version=version, needs=needs, seed=seed, title=title, resources=resources
    )


def _evaluate(
    model: _Model, labels: Mapping[str, Any], weights: Mapping[str, Cell], merge: Mapping[str, Any] | None
) -> None:
    """Plan the evaluation of weights, or of a merge of weights, cut as the settings say."""
    sets, cut = model.tested(labels), model.settings.evaluation.cut
    by_corruption = cut == "corruption" and CORRUPTED in sets
    shown = model.data.shown_corruptions() if by_corruption else ()
    cuts = evaluation_cuts(sets, cut, shown, model.data.added)
    for part in cuts:
        what = " ".join(str(value) for value in labels.values())
        where = " ".join([part["sets"][0], part.get("corruption", "")]).strip()
        cell = model.grid.add(
            "evaluate",
            {
                **part,
                "merge": merge,
                **objectnet_answers(model.settings, part["sets"]),
                **as_evaluated(model.settings.evaluation),
                **model.held_out,
            },
            version=_version(
                model,
                part["sets"],
                in_part=model.settings.evaluation.max_images is not None,
                cut="corruption" in part,
            ),
            needs={**model.data.of(*part["sets"]), **weights},
            title=f"test {model.name} {what}" + (f" on {where}" if len(part["sets"]) == 1 else ""),
            resources=model.resources,
        )
        whichever = ("method",) if labels["method"] == PRE else ()
        model.grid.target({"model": model.name, **labels}, cell, whichever=whichever)


def _version(model: _Model, sets: Iterable[str], *, in_part: bool, cut: bool = False) -> int:
    """Return the version of a cell that reads sets, see ``PHOTOGRAPHS_VERSION``.

    Args:
        model: in the plan.
        sets: that the cell reads.
        in_part: whether it reads a part of their images alone.
        cut: whether it reads one corruption alone.
    """
    imported = model.settings.data.source == "published" and (in_part or model.held_out)
    changed_since = CORRUPTED in sets and (imported or (cut and model.held_out))
    return PHOTOGRAPHS_VERSION if changed_since else 1
