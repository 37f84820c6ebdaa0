"""From settings to cells: what is trained from what, and what is evaluated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridcell import Cell, Grid, GridBuilder, Resources, UserError, divided, identity_of, one_worker, unknown
from gridcell.data import added_corruptions, shift, shifts_in_order
from imagenet_rib.distance.memory import check_memory
from imagenet_rib.grid.chosen_methods import Chosen, default, roles
from imagenet_rib.grid.code import DERIVED
from imagenet_rib.grid.input_names import DATA, OBJECTNET, data_role
from imagenet_rib.grid.model_names import check_name
from imagenet_rib.grid.published import Published, check_there, labelled_images, published, published_set
from imagenet_rib.grid.slices import CORRUPTED, evaluation_cuts
from imagenet_rib.grid.training_settings import changed
from imagenet_rib.method import FineTuning, Merging
from imagenet_rib.settings import Data, Pretrained, Pretraining, Settings
from imagenet_rib.vocabulary import PRE, VAL

PRETRAIN = "pretrain"
"""The set that stands for the pre-training data."""

DATA_VERSIONS = {"digits": 2, "imagenet": 4}
"""By source.

``digits`` 2, ``imagenet`` 4: fog, frost, glass blur, motion blur and elastic transform are calibrated against
ImageNet-C's, cartoon and drawing of photographs against the published drops. ``imagenet`` 3: EXIF and
transparency are heeded, 16 bits are scaled, more formats are read; 2: set c is the 15 corruptions at all
severities there are, and val is whole where it can be.
"""

PRETRAINED_VERSION = 2
"""2: tested with the crop that timm names for the size used, and on GPUs in mixed precision."""

DISTANCE_VERSION = 2
"""2: with the distance of two draws of one distribution, and the excess over it."""

PRETRAIN_SEED = 0
"""Pre-trained models are given, as in the paper: seeds repeat the fine-tuning alone."""


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: a data folder can't be used, a method needs one that the suite can't provide, or timm
            has no such model.
    """
    grid = GridBuilder("imagenet-rib")
    brought = _published_weights(grid, settings)
    with grid.setting("data"):
        data = _data(grid, settings)
    resources = _resources(settings)
    grid.check()
    for architecture_name, architecture in settings.architectures.items():
        for pretraining in architecture.pretrainings or settings.pretrainings:
            model = f"{architecture_name}-{pretraining}"
            how = settings.pretrainings[pretraining]
            if isinstance(how, Pretrained):
                weights = brought[model]
                pre = grid.add(
                    "pretrained",
                    weights.config,
                    version=PRETRAINED_VERSION,
                    needs=data.any,
                    title=f"weights of {model}",
                    resources=one_worker(resources),
                )
                for name, path in weights.locations.items():
                    grid.locate(name, path)
                _plan_model(_Model(grid, settings, model, weights.name, data, pre, resources))
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
            _plan_model(_Model(grid, settings, model, architecture.name, data, pre, resources))
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
    return found


class _Data:
    """The cells that stand for the sets: one for all that are held in memory, or one a published set.

    So a published set that changes, or comes later, touches no cell that does without it.
    """

    def __init__(self, grid: GridBuilder, data: Data, whole: Cell | None) -> None:
        self.grid, self.data, self.whole = grid, data, whole
        self._published: dict[str, Cell] = {}
        self._groups: tuple[str, ...] = ()

    @property
    def any(self) -> dict[str, Cell]:
        """What a cell needs that is told by the data what the classes are: nothing where that is known."""
        return {} if self.whole is None else {DATA: self.whole}

    def of(self, *names: str) -> dict[str, Cell]:
        """Return the cells that hold sets, by the roles that they are needed in.

        Raises:
            UserError: a published set can't be used.
        """
        if self.whole is not None:
            return {DATA: self.whole}
        for name in names:
            if name not in self._published:
                there = published_set(name, self.data.root)
                content = there.content if there is not None else None
                config = {"source": self.data.source, "set": name, "content": content}
                self._published[name] = self.grid.add("data", config, title=f"data {name}")
                if there is not None and name == CORRUPTED:
                    self._groups = there.groups
        return {data_role(name): self._published[name] for name in names}

    def shown_corruptions(self) -> list[str]:
        """Return the corruptions that set c shows, all of ImageNet-C's where that isn't known.

        Raises:
            UserError: the published set can't be used.
        """
        from gridcell.data import all_corruptions

        self.of(CORRUPTED)
        there = {group.partition("/")[0] for group in self._groups}
        known = all_corruptions()
        return [*(name for name in known if name in there or not there), *sorted(there.difference(known))]


def _resources(settings: Settings) -> Resources:
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


def _data(grid: GridBuilder, settings: Settings) -> _Data:
    data = settings.data
    config: dict[str, Any] = {"source": data.source}
    if data.objectnet != "all" and data.source != "published":
        raise UserError(
            f"The setting 'data.objectnet' goes with data.source=published, not with {data.source}"
        )
    for name, parameters in data.shifts.items():
        with grid.setting("data", "shifts", name):
            shift(name).check(parameters)
    available = list(shifts_in_order())  # those that a folder of real sets lacks are derived
    if data.source == "digits":
        if data.root is not None:
            raise UserError("The setting 'data.root' goes with data.source=folder, not with digits")
        config |= {"image_size": data.image_size, "seed": data.seed, "shifts": data.shifts}
    elif data.source == "imagenet":
        identity, said = labelled_images(data)
        config |= identity
        grid.note(*said)
    elif data.source == "folder":
        from gridcell.data import fingerprint, set_names

        if data.root is None:
            raise UserError("The setting 'data.root' must name the folder that 'gridcell data derive' made")
        available = set_names(data.root)
        config["fingerprint"] = fingerprint(data.root)
    else:
        for name, how in settings.pretrainings.items():
            if not isinstance(how, Pretrained):
                raise UserError(
                    f"Pre-training '{name}' starts from scratch, but data.source=published goes with "
                    "published weights: give it a source, e.g. source: timm"
                )
        if data.root is not None:
            check_there(data.root, [*settings.downstream, VAL])
    for index, name in enumerate(settings.downstream):
        with grid.setting("downstream", index):
            if name not in available:
                raise unknown("downstream set", name, available)
    if data.root is not None:
        grid.locate(DATA, data.root)
    if data.source == "published":
        return _Data(grid, data, None)
    if data.source in DERIVED and (added := added_corruptions()):
        config["corruptions"] = added
    version = DATA_VERSIONS.get(data.source, 1)
    return _Data(grid, data, grid.add("data", config, version=version, title=f"data {data.source}"))


@dataclass(frozen=True)
class _Model:
    """A pre-trained model in the plan, and what its cells share."""

    grid: GridBuilder
    settings: Settings
    name: str
    architecture: str
    data: _Data
    pre: Cell
    resources: Resources


def _plan_model(model: _Model) -> None:
    settings = model.settings
    _evaluate(model, {"method": PRE}, {"weights": model.pre}, None)  # what all others are compared with
    if settings.distance.enabled:
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
    chosen = _chosen(model, name)
    taken = (one for one in chosen.needs() if isinstance(_chosen(model, one).method, FineTuning))
    reasons = (_skipped(model, one) for one in taken)
    return next(filter(None, [chosen.method.skip(model.architecture), *reasons]), None)


def _chosen(model: _Model, name: str) -> Chosen:
    """Return the suite's entry of that name, or the method of that name with its defaults."""
    return model.settings.methods.get(name) or default(name)


def _plan_distances(model: _Model) -> None:
    """Plan the features of all sets, once, and each downstream set's distance from the pre-training data."""
    distance = model.settings.distance
    check_memory(distance.max_samples, distance.max_samples, distance.solver, int(distance.memory_gb * 1e9))
    sets = [distance.source, *model.settings.downstream]
    features = model.grid.add(
        "features",
        {"sets": sets, "max_images": distance.max_images},
        needs={**model.data.of(*sets), "weights": model.pre},
        seed=distance.seed,
        title=f"features {model.name}",
        resources=one_worker(model.resources),
    )
    how = distance.model_dump(mode="json", exclude={"enabled", "source", "max_images", "memory_gb", "seed"})
    # What has no effect has no part in the id.
    if distance.solver == "exact":
        del how["regularisation"]
    if distance.labels == "gaussian":
        del how["max_per_class"]
    for downstream in model.settings.downstream:
        cell = model.grid.add(
            "distance",
            {"source": distance.source, "target": downstream, **how},
            version=DISTANCE_VERSION,
            needs={"features": features},
            seed=distance.seed,
            title=f"distance {model.name} to {downstream}",
            resources=one_worker(model.resources),
        )
        model.grid.target({"model": model.name, "downstream": downstream}, cell)


def _plan_merges(model: _Model, chosen: Chosen, method: Merging, labels: Mapping[str, Any]) -> None:
    taken = roles(method.ingredients(chosen.parameters), model.settings.methods)
    ingredients = {
        role: _weights(model, chosen.source(name), labels["downstream"], labels["seed"])
        for role, name in taken.items()
    }
    for variant in method.variants(chosen.parameters):
        alone = method.alone(variant)
        if alone is not None:  # the merge is one of its ingredients, which is evaluated anyway
            _evaluate(model, {**labels, **variant}, {"weights": ingredients[alone]}, None)
        else:
            merge = {"method": method.name, "variant": dict(variant)}
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
        "parameters": identity_of(chosen.parameters),
        "training": changed(model.settings.training, chosen.training).identity(),
        "downstream": downstream,
        **_objectnet(model, [downstream]),
    }
    title = f"{model.name} {name} on {downstream} seed {seed}"
    resources = one_worker(model.resources) if method.compares_images else model.resources
    return model.grid.add("train", config, needs=needs, seed=seed, title=title, resources=resources)


def _evaluate(
    model: _Model, labels: Mapping[str, Any], weights: Mapping[str, Cell], merge: Mapping[str, Any] | None
) -> None:
    """Plan the evaluation of weights, or of a merge of weights, cut as the settings say."""
    sets, cut = [*model.settings.downstream, VAL], model.settings.evaluation.cut
    by_corruption = cut == "corruption" and CORRUPTED in sets
    cuts = evaluation_cuts(sets, cut, model.data.shown_corruptions() if by_corruption else ())
    for part in cuts:
        what = " ".join(str(value) for value in labels.values())
        where = " ".join([part["sets"][0], part.get("corruption", "")]).strip()
        cell = model.grid.add(
            "evaluate",
            {**part, "merge": merge, **_objectnet(model, part["sets"]), **_precision(model)},
            needs={**model.data.of(*part["sets"]), **weights},
            title=f"test {model.name} {what}" + (f" on {where}" if len(cuts) > 1 else ""),
            resources=model.resources,
        )
        whichever = ("method",) if labels["method"] == PRE else ()
        model.grid.target({"model": model.name, **labels}, cell, whichever=whichever)


def _objectnet(model: _Model, sets: Iterable[str]) -> dict[str, Any]:
    """Return what the configuration of a cell says of ObjectNet's answers, where it reads them otherwise."""
    how = model.settings.data.objectnet
    return {OBJECTNET: how} if how != "all" and OBJECTNET in sets else {}


def _precision(model: _Model) -> dict[str, Any]:
    how = model.settings.evaluation.precision
    return {"precision": how} if how != "mixed" else {}
