"""What a search of a task may see, and what it maximises: said by the task, kept by ``gridcell tune``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["max", "min"]


@dataclass(frozen=True)
class Rule:
    """How the trials of a search are judged without a look at what the report judges by.

    Attributes:
        name: as ``--rule`` takes it.
        held_out: a sentence: what trials are scored on, and why the report doesn't judge by it.
        score: ``module:function`` of signature ``(GridResults, metric) -> float | None``: a trial's value;
            None where it has none.
        plan: ``module:function`` of signature ``(settings, labels) -> Grid``: what a trial runs. ``labels``
            are those that the search selects, label -> accepted values; the rest need not be planned.
            By default the task's own plan.
        parts: ``module:function`` of signature ``(GridResults, metric) -> {part: (choice, judged)}``, of a
            rule that makes a choice of its own for each part of the answer: the trial with the best
            ``choice``, which has not seen the part, gives the part's ``judged``. ``score`` is then not
            called. Such a search looks at no result while it goes on: its trials serve every choice.
        metrics: those that the rule goes with; empty for all of the task.
        oracle: whether trials do see what the report judges by; said in every table.
        value: what a trial's value is called where it is not the report's metric; empty for the metric.
        noise: ``module:function`` of signature ``(GridResults, GridResults, metric) -> float | None``: the
            standard error, over what is held out, of the second's value less the first's; None where it is
            not known. Without it only several seeds tell how much of a difference is noise.
    """

    name: str
    held_out: str
    score: str = ""
    plan: str = ""
    parts: str = ""
    metrics: tuple[str, ...] = ()
    oracle: bool = False
    value: str = ""
    noise: str = ""


@dataclass(frozen=True)
class Stages:
    """How cells of a kind are trained in stages, each with settings of its own: a schedule of settings.

    A stage is a cell like any other: its settings, where it begins and ends, and the cell of the stage before
    it, which it needs in the role ``start``. So it has an id of its own, and is made again from its settings
    alone. The function of such cells heeds :attr:`gridcell.Context.stage`.

    Attributes:
        changes: ``module:function`` of signature ``(Cell) -> names``: the entries of the cell's configuration
            that may differ between stages, dotted, such as ``training.lr``. None may change the shape of what
            a stage hands on.
        grain: ``module:function`` of signature ``(Cell) -> int``: how many units are done together, so that a
            stage ends at a multiple of them; 1 where there is none. Neither function may import a training
            library.
    """

    changes: str
    grain: str = ""


@dataclass(frozen=True)
class Fidelity:
    """How cells of a kind can pause, so that a search spends little on what looks bad.

    Their function heeds :attr:`gridcell.Context.stop`. Cells that need them, such as an evaluation, are run
    at each pause, too, from what the paused cell left. A cell that others of the kind start from runs whole.

    Attributes:
        kind: of the cells that pause.
        unit: what is counted, in the plural, e.g. ``epochs``.
        total: ``module:function`` of signature ``(Cell) -> int``: how many units a cell has. It must not
            import a training library.
        least: units before which no pause makes sense.
        stages: how its cells are trained in stages; None where they can't be.

    Example:
        >>> Fidelity("train", "epochs", "my_task.search:epochs").least
        1
    """

    kind: str
    unit: str
    total: str
    least: int = 1
    stages: Stages | None = None


@dataclass(frozen=True)
class Tuning:
    """How a task's settings are searched.

    Attributes:
        metrics: name -> whether larger values are better; the first is the default.
        rules: the first is the default. The first that is an ``oracle`` is what the report judges by: by it
            the best trial and the default are compared at the end, with fresh seeds. Without any rule, a
            trial is scored by the mean of a metric over its targets.
        selects: section of settings -> label of its entries: a search over ``methods.ewc.strength`` runs the
            cells labelled ``method=ewc`` alone.
        fidelity: how its cells can pause; None where none can, and a search trains every trial to its end.
        refused: why nothing of this task can be searched; empty where something can.
    """

    metrics: Mapping[str, Mode] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    selects: Mapping[str, str] = field(default_factory=dict)
    fidelity: Fidelity | None = None
    refused: str = ""

    @property
    def judge(self) -> Rule | None:
        """The rule by which the report judges; None where the task has none."""
        return next((rule for rule in self.rules if rule.oracle), None)
