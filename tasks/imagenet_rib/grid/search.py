"""What a search of the benchmark sees, and what it maximises.

The benchmark judges a method by RI_i: the change of accuracy on the sets j other than the one, i, that a
model is fine-tuned on. Under rule ``own`` a search sees none of these: its models are trained on four fifths
of set i, and scored on the last fifth and on images of the pre-training data (``val``), which are in no RI
as they are; the sets cartoon, drawing and c are made from them.
Gulrajani and Lopez-Paz, "In Search of Lost Domain Generalization" (2021), section 3, name such rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from gridcell import Cell, Fidelity, Grid, Rule, Tuning, UserError
from gridcell.report import GridResults
from imagenet_rib.grid.plan import ForSearch, plan
from imagenet_rib.settings import Settings
from imagenet_rib.vocabulary import PRE, VAL

MRI = "mRI"
GAIN = "gain"  # of accuracy on the set that is fine-tuned on
SHARE = 0.2  # of each class of a set
SPLIT_SEED = 0

Accuracies = Mapping[str, float]
"""Set -> accuracy in percent."""

tuning = Tuning(
    metrics={MRI: "max", VAL: "max", GAIN: "max"},
    rules=(
        Rule(
            "own",
            "held out are a fifth of each set that is fine-tuned on, by class, and the pre-training data's "
            "val. A trial's value is the mean change of accuracy on the two, which stands in for the "
            "report's mRI; no answer is counted in both. But the sets cartoon, drawing and c are made from "
            "images of val, which trials see as they were",
            score="imagenet_rib.grid.search:score_own",
            plan="imagenet_rib.grid.search:plan_own",
            value="score",
            noise="imagenet_rib.report.search_noise:error_own",
        ),
        Rule(
            "leave-one-out",
            "held out is, for each set that is reported, this set: the choice for it is made by the mean "
            "change of accuracy on the other sets but the one fine-tuned on",
            parts="imagenet_rib.grid.search:parts",
            plan="imagenet_rib.grid.search:plan_each_set",
            metrics=(MRI,),
        ),
        Rule(
            "oracle",
            "nothing is held out: trials are scored by the mRI that the report judges by",
            score="imagenet_rib.grid.search:score_as_judged",
            plan="imagenet_rib.grid.search:plan_as_judged",
            oracle=True,
        ),
    ),
    selects={"methods": "method"},
    fidelity=Fidelity("train", "epochs", "imagenet_rib.grid.search:epochs_of"),
)


def epochs_of(cell: Cell) -> int:
    """Return for how many epochs a training cell trains."""
    return int(cell.config["training"]["epochs"])


def plan_own(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan trials that hold a part of each set out."""
    return plan(_narrowed(settings, labels), ForSearch({"share": SHARE, "seed": SPLIT_SEED}))


def plan_as_judged(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan what the report judges by: the cells of the suite itself."""
    return plan(_narrowed(settings, labels), ForSearch())


def plan_each_set(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan the suite's own cells, of which each set in turn is not looked at.

    Raises:
        UserError: there are fewer than three sets.
    """
    if len(settings.downstream) < 3:
        raise UserError("Rule leave-one-out needs three sets: one to report, one to fine-tune on, one to see")
    return plan_as_judged(settings, labels)


def _narrowed(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Settings:
    """Leave out the methods that nothing selected needs."""
    if "method" not in labels:
        return settings
    wanted, kept = [name for name in labels["method"] if name in settings.methods], set()
    while wanted:
        name = wanted.pop()
        kept.add(name)
        needs = (settings.methods[name].source(need) for need in _needs(settings, name))
        wanted += [need for need in needs if need in settings.methods and need not in kept]
    if not kept:
        return settings
    methods = {name: one for name, one in settings.methods.items() if name in kept}
    return settings.model_copy(update={"methods": methods})


def _needs(settings: Settings, name: str) -> Iterable[str]:
    chosen = settings.methods[name]
    return chosen.method.needs(chosen.parameters)


def score_own(results: GridResults, metric: str) -> float | None:
    """Return the mean over models, methods, sets and seeds of a trial's score, in percentage points.

    That is the change of accuracy by fine-tuning: ``mRI`` half on the held-out part of the set fine-tuned on,
    half on ``val``; ``val`` on ``val`` alone, and ``gain`` on the held-out part alone.
    """

    def one(after: Accuracies, before: Accuracies, downstream: str) -> float:
        kept, gained = after[VAL] - before[VAL], after[downstream] - before[downstream]
        return {VAL: kept, GAIN: gained}.get(metric, (kept + gained) / 2)

    return _mean(results, one)


def score_as_judged(results: GridResults, metric: str) -> float | None:
    """Return the mean over models, methods, sets i and seeds of RI_i, in percentage points.

    For ``val`` it is the change of accuracy on ``val``, for ``gain`` that on the set i itself.
    """

    def one(after: Accuracies, before: Accuracies, downstream: str) -> float:
        if metric == GAIN:
            return after[downstream] - before[downstream]
        others = [VAL] if metric == VAL else [name for name in before if name not in (downstream, VAL)]
        return fmean(after[name] - before[name] for name in others)

    return _mean(results, one)


def parts(results: GridResults, metric: str) -> dict[str, tuple[float, float]]:
    """Return for each set j the mean change of accuracy on sets other than j and i, and that on j.

    i are the sets that models are fine-tuned on, other than j. The mean over j of the latter is mRI.

    """
    del metric  # mRI
    before, after = _accuracies(results)
    names = [name for name in next(iter(before.values())) if name != VAL]
    found = {}
    for reported in names:
        seen, judged = [], []
        for labels, accuracies in after:
            if (own := labels["downstream"]) == reported:
                continue
            change = {name: accuracies[name] - before[labels["model"]][name] for name in names}
            judged.append(change[reported])
            seen += [value for name, value in change.items() if name not in (reported, own)]
        if seen:
            found[reported] = (fmean(seen), fmean(judged))
    return found


def _mean(results: GridResults, score: Any) -> float | None:
    """Return the mean score of all that was fine-tuned; None where nothing was."""
    before, after = _accuracies(results)
    scores = [
        score(accuracies, before[labels["model"]], labels["downstream"]) for labels, accuracies in after
    ]
    return fmean(scores) if scores else None


def _accuracies(
    results: GridResults,
) -> tuple[dict[str, Accuracies], list[tuple[Mapping[str, Any], Accuracies]]]:
    """Return model -> accuracies before fine-tuning, and labels and accuracies of all that was fine-tuned."""
    found: dict[tuple[tuple[str, Any], ...], dict[str, float]] = defaultdict(dict)
    for target in results.grid.targets:
        found[tuple(target.labels.items())] |= results.results[target.cell].metrics["accuracy"]
    tested: list[tuple[Mapping[str, Any], Accuracies]] = [
        (dict(labels), _by_set(accuracies)) for labels, accuracies in found.items()
    ]
    before = {labels["model"]: accuracies for labels, accuracies in tested if labels["method"] == PRE}
    return before, [both for both in tested if both[0]["method"] != PRE]


def _by_set(accuracies: Accuracies) -> dict[str, float]:
    """Join the accuracies on parts of a set, such as ``c/fog``, each part counting alike."""
    parts: dict[str, list[float]] = defaultdict(list)
    for key, value in accuracies.items():
        parts[key.partition("/")[0]].append(value)
    return {name: fmean(values) for name, values in parts.items()}
