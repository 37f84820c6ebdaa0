"""What a user asks a search for: the block ``tune`` of a suite, or the options of the command."""

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any, get_args

from pydantic import Field

from gridcell.errors import UserError, unknown
from gridcell.search.promotion import SchedulerName
from gridcell.search.samplers import BLIND, SamplerName
from gridcell.settings import Strict, parse_settings
from gridcell.task import Task
from gridcell.tuning import Mode, Rule, Tuning

GENERIC = Rule(
    "oracle",
    "nothing is held out: trials are scored on what the report judges by",
    "gridcell.search.objective:mean_over_targets",
    oracle=True,
)
"""Of a task that says nothing of searches."""


class Wanted(Strict):
    """A search.

    Attributes:
        params: setting, as ``--set`` takes it -> the values that it may take.
        trials: how many points are tried, those of earlier runs of the search among them.
        metric: what is optimised; by default the task's. Several for the trials that no other beats in all.
        mode: ``max`` where larger values are better, or ``min``, for each metric; by default the task's.
        search: how points are chosen.
        seed: of this choice.
        select: label -> values: which targets are run; by default those of the entries that are varied.
        rule: what trials may see; by default the task's first.
        scheduler: how trials are stopped early, at rungs of the task's fidelity, or ``none``: ``asha`` trains
            the best 1/``eta`` of each rung on as soon as they are known, ``hyperband`` in several brackets;
            ``pbt`` trains populations in stages, whose settings change.
        eta: of the scheduler: one trial in so many goes on from a rung, to the next, so many times as far.
        rungs: of the scheduler, at most; the last one is the whole trial. Of ``pbt`` so many stages.
        population: of ``pbt``: so many trials are trained beside each other, the members of a population.
        budget: hours of computing after which no further trial begins. With one, no more than ``at_once``
            trials run at a time.
        at_once: trials that run beside each other, where the choice looks at results. It is part of how
            points are chosen: trial n sees the results of trials up to n - ``at_once``. With a scheduler a
            trial is chosen or trained on as soon as fewer run, by all results that are there then.
        fresh_seeds: seeds on which the best trial and the default are compared at the end.
    """

    params: dict[str, Any] = Field(min_length=1)
    trials: int = Field(20, ge=1)
    metric: str | list[str] | None = None
    mode: str | list[str] | None = None
    search: SamplerName = "tpe"
    seed: int = Field(0, ge=0)
    select: dict[str, list[str]] = Field(default_factory=dict)
    rule: str | None = None
    scheduler: SchedulerName = "none"
    eta: int = Field(3, ge=2)
    rungs: int = Field(4, ge=2)
    population: int = Field(20, ge=2)
    budget: float | None = Field(None, gt=0)
    at_once: int = Field(4, ge=1)
    fresh_seeds: int = Field(3, ge=0)

    @property
    def scheduling(self) -> dict[str, Any]:
        """What decides which trials are trained on; empty without a scheduler."""
        if self.scheduler == "none":
            return {}
        if self.scheduler == "pbt":
            return {"name": self.scheduler, "population": self.population, "stages": self.rungs}
        return {"name": self.scheduler, "eta": self.eta, "rungs": self.rungs}


def wanted_of(block: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Wanted:
    """Join the block of a suite with the options of a command, which go first.

    Args:
        block: of the suite; None where it has none.
        options: that were given, by the names of :class:`Wanted`.

    Raises:
        UserError: a setting is unknown or wrong, or nothing is varied.
    """
    given = dict(block or {})
    select = given.get("select")
    if isinstance(select, Mapping):  # a single value needs no list
        given["select"] = {
            label: list(map(str, value)) if isinstance(value, list) else [str(value)]
            for label, value in select.items()
        }
    given |= {name: value for name, value in options.items() if value is not None}
    if not given.get("params"):
        raise UserError(
            "A search needs something to vary: --param 'training.lr=loguniform(1e-4, 1e-1)', or params in "
            "the suite's block 'tune'"
        )
    if given.get("scheduler") == "pbt":
        given.setdefault("search", "random")  # no other search looks at results beside it
    return parse_settings(Wanted, given, "tune")


def check_used(wanted: Wanted, options: Set[str]) -> None:
    """Make sure that each option of a command changes something; a suite's block may serve several searches.

    Args:
        wanted: the search.
        options: names of those that were given.

    Raises:
        UserError: one is of a scheduler, and there is none or another one; or of searches that look at
            results.
    """
    if wanted.scheduler == "pbt":
        why_idle = {"eta": "is of asha and hyperband", "at_once": "does nothing: a generation runs at once"}
        for name, why in why_idle.items():
            if name in options:
                raise UserError(f"--{name.replace('_', '-')} {why}. Leave it out with --scheduler pbt")
        return
    if "population" in options:
        raise UserError("--population is of --scheduler pbt: add it, or leave --population out")
    if wanted.scheduler != "none":
        return
    idle = [f"--{name}" for name in ("eta", "rungs") if name in options]
    if idle:
        raise UserError(
            f"{' and '.join(idle)} {'is' if len(idle) == 1 else 'are'} of a scheduler, and there is none: "
            "add --scheduler asha or hyperband"
        )
    if "at_once" in options and wanted.search in BLIND and wanted.budget is None:
        raise UserError(
            f"--at-once is of searches that look at results. --search {wanted.search} looks at none, so that "
            "all its trials may run at once, unless there is a --budget: --max-concurrent N limits the cells "
            "that do"
        )


def tuning_of(task: Task) -> Tuning:
    """Return how a task is searched.

    Raises:
        UserError: nothing of it can be.
    """
    tuning = task.tuning or Tuning()
    if tuning.refused:
        raise UserError(f"Nothing of {task.name} can be tuned: {tuning.refused}")
    return tuning if tuning.rules else replace(tuning, rules=(GENERIC,))


def rule_of(tuning: Tuning, name: str | None) -> Rule:
    """Return a rule by name, or the task's first.

    Raises:
        UserError: there is none of that name; names the nearest.
    """
    rules = {rule.name: rule for rule in tuning.rules}
    if name is not None and name not in rules:
        raise unknown("rule", name, rules)
    return rules[name] if name is not None else tuning.rules[0]


def metric_of(tuning: Tuning, name: str | None, rule: Rule) -> str:
    """Return the metric's name, or the task's first.

    Raises:
        UserError: the task has none of that name, or says nothing and none was given; or the rule goes with
            others.
    """
    if name is None and not tuning.metrics:
        raise UserError("This task doesn't say what is to be optimised: name it with --metric")
    if name is not None and tuning.metrics and name not in tuning.metrics:
        raise unknown("metric", name, tuning.metrics)
    found = name if name is not None else next(iter(tuning.metrics))
    if rule.metrics and found not in rule.metrics:
        raise UserError(
            f"Rule {rule.name} goes with the metric {' or '.join(rule.metrics)}, not with {found}"
        )
    return found


def objectives(tuning: Tuning, wanted: Wanted, rule: Rule) -> list[tuple[str, Mode | None]]:
    """Return the metrics that are optimised, each with the mode that was given for it, if one was.

    Raises:
        UserError: a metric is unknown or stands twice, modes are not as many, or the search can't have
            several.
    """
    names = wanted.metric if isinstance(wanted.metric, list) else [wanted.metric]
    metrics = [metric_of(tuning, name, rule) for name in names or [None]]
    modes = [_mode(name) for name in (wanted.mode if isinstance(wanted.mode, list) else [wanted.mode])]
    if modes == [None]:
        modes = [None] * len(metrics)
    if len(modes) != len(metrics):
        raise UserError(
            f"{len(metrics)} metrics ({', '.join(metrics)}) and {len(modes)} modes: give each metric one mode"
        )
    if len(set(metrics)) < len(metrics):
        raise UserError(f"A metric stands twice among {', '.join(metrics)}")
    if len(metrics) > 1:
        _check_several(rule, wanted)
    return list(zip(metrics, modes, strict=True))


def _mode(name: str | None) -> Mode | None:
    for mode in get_args(Mode):
        if name == mode:
            found: Mode = mode
            return found
    if name is None:
        return None
    raise unknown("tune.mode", name, get_args(Mode))


def _check_several(rule: Rule, wanted: Wanted) -> None:
    if rule.parts:
        raise UserError(f"Rule {rule.name} makes its choices by one metric: give one")
    if wanted.scheduler != "none":
        raise UserError(
            f"--scheduler {wanted.scheduler} ranks trials by one metric: give one, or leave out --scheduler"
        )
    if wanted.search not in _SCHEDULED:
        raise UserError(
            f"--search {wanted.search} looks for the best by one metric: for several add --search "
            f"{', '.join(sorted(_SCHEDULED))}"
        )


_SCHEDULED = BLIND | {"tpe"}


def check_goes_with_scheduler(task: Task, rule: Rule, wanted: Wanted) -> None:
    """Make sure that trials may be stopped early, or go on from each other.

    Raises:
        UserError: the rule forbids to look at results meanwhile, the sampler learns nothing from trials that
            were stopped, or the task has no stages for a population.
    """
    if rule.parts:
        raise UserError(
            f"Rule {rule.name} makes several choices among the same trials, so that none may be stopped "
            "early: leave out --scheduler"
        )
    if wanted.scheduler == "pbt":
        _check_population(task, wanted)
    elif wanted.search not in _SCHEDULED:
        raise UserError(
            f"--search {wanted.search} learns from whole trials alone, of which --scheduler "
            f"{wanted.scheduler} leaves few: add --search {', '.join(sorted(_SCHEDULED))}"
        )


_FIRST = ("random", "qmc")


def _check_population(task: Task, wanted: Wanted) -> None:
    fidelity = task.tuning.fidelity if task.tuning is not None else None
    if fidelity is None or fidelity.stages is None:
        others = "leave out --scheduler" if fidelity is None else "use --scheduler asha or hyperband"
        raise UserError(
            f"--scheduler pbt changes settings while cells train, and cells of {task.name} can't be trained "
            f"in stages: {others}. A task of your own says that they can by Fidelity(..., stages=Stages(...))"
        )
    if wanted.search not in _FIRST:
        raise UserError(
            f"--scheduler pbt chooses by itself, from a first generation that is drawn: leave out --search "
            f"{wanted.search}, or add --search {' or '.join(_FIRST)}"
        )
    members, trials = wanted.population, wanted.trials
    if trials % members:
        one = f"--population {trials}, or " if trials > 1 else ""
        several = f" or --trials {trials - trials % members}" if trials > members else ""
        raise UserError(
            f"--trials {trials} is no whole population of {members}: add {one}--trials "
            f"{trials + members - trials % members}{several}"
        )
