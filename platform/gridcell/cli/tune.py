"""The command that searches settings."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Changed,
    ChangedChoice,
    MaxConcurrent,
    MaxFailures,
    Out,
    Overrides,
    Plugins,
    RetryDiverged,
    Seeds,
    Selection,
    StallTimeout,
    Storage,
    SuiteName,
    TaskName,
    Tracking,
    selection,
)
from gridcell.cli.executing import (
    Address,
    Executor,
    ExecutorName,
    Quiet,
    kept_when_stopped,
    on_named_cluster,
)
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.interruption import GRACE_S, Grace, end_when_asked
from gridcell.cli.progress import TerminalProgress
from gridcell.cli.report_folder import writable
from gridcell.cli.streams import outlive_terminal
from gridcell.execute.listener import Listener
from gridcell.execute.options import RunOptions
from gridcell.execute.running_code import remember
from gridcell.grid import Grid
from gridcell.mlflow.address import tracking_uri
from gridcell.mlflow.mirror import Mirror
from gridcell.provenance import origin_of
from gridcell.search.asked import search_of
from gridcell.search.cost import cost_of
from gridcell.search.lead import beats_default
from gridcell.search.promotion import check_scheduler
from gridcell.search.report import selected, write
from gridcell.search.run import SearchRun
from gridcell.search.samplers import check_sampler
from gridcell.search.search import Search
from gridcell.search.space import params_of
from gridcell.search.wanted import check_used
from gridcell.store import Store


def tune(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="KEY=SPEC",
            help="A setting and its range, e.g. 'training.lr=loguniform(1e-4, 1e-1)'. May be repeated. "
            "Ranges: uniform(a, b), loguniform(a, b), int(a, b), logint(a, b), choice(a, b, ...), "
            "linspace(a, b, n), logspace(a, b, n).",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", metavar="N", help="Points to try, earlier ones among them; default: 20."),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="S", help="random, tpe (default), gp, cmaes, qmc or grid."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the choice of points.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="M",
            help="What is optimised; default: the task's. Give it again for each further objective.",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option("--mode", metavar="max|min", help="Which values are better, for each metric."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="R", help="What trials may see; default: the task's first, held out."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="S",
            help="none (default); asha or hyperband: stop bad trials early; pbt: members of a population go "
            "on from better ones, under changed settings.",
        ),
    ] = None,
    eta: Annotated[
        int | None,
        typer.Option(
            "--eta", metavar="N", help="Of the scheduler: one trial in N goes on, N times as far; default: 3."
        ),
    ] = None,
    rungs: Annotated[
        int | None,
        typer.Option(
            "--rungs",
            metavar="N",
            help="Of the scheduler: at most so many rungs; of pbt: stages; default: 4.",
        ),
    ] = None,
    population: Annotated[
        int | None,
        typer.Option(
            "--population",
            metavar="N",
            help="Of pbt: members that are trained beside each other; default: 20.",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", metavar="HOURS", help="Begin no trial after so many hours of computing."),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            "--at-once",
            metavar="N",
            help="Trials beside each other; trial n sees those to n - N; default: 4.",
        ),
    ] = None,
    fresh_seeds: Annotated[
        int | None,
        typer.Option(
            "--fresh-seeds", metavar="N", help="Seeds on which best and default are compared; default: 3."
        ),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    executor: Executor = ExecutorName.RAY,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    changed: Changed = ChangedChoice.KEEP,
    retry_diverged: RetryDiverged = False,
    max_failures: MaxFailures = None,
    stall_timeout: StallTimeout = None,
    grace: Grace = GRACE_S,
    out: Out = None,
    tracking: Tracking = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what the search would run and cost; start nothing.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Search settings. Run it again to go on: trials and their cells are found in the storage."""
    console = common.console()
    outlive_terminal()
    end_when_asked(grace, lambda line: console.print(line, soft_wrap=True))
    options = RunOptions(
        executor=executor.value,
        address=address,
        max_concurrent=max_concurrent,
        retry_diverged=retry_diverged,
        max_failures=max_failures,
        stall_timeout_s=stall_timeout,
    )
    if search is not None:
        check_sampler(search)
    if scheduler is not None:
        check_scheduler(scheduler)
    given: dict[str, Any] = {
        "params": params_of(param) if param else None,
        "trials": trials,
        "search": search,
        "seed": seed,
        "metric": _one_or_all(metric),
        "mode": _one_or_all(mode),
        "rule": rule,
        "scheduler": scheduler,
        "eta": eta,
        "rungs": rungs,
        "population": population,
        "budget": budget,
        "at_once": at_once,
        "fresh_seeds": fresh_seeds,
        "select": selection(select) if select else None,
    }
    plugins.load(plugin or (), joins=True)
    store = Store(storage) if plan else Store(storage).prepare()
    found = search_of(task, suite, store, given, overrides=override or (), seeds=seeds, plugins=plugin or ())
    objective = found.objective
    check_used(found.wanted, {name for name, value in given.items() if value is not None})
    for note in found.notes:
        console.print(f"Note: {note}", soft_wrap=True)
    if plan:
        for line in cost_of(found).lines():
            console.print(line, soft_wrap=True)
        return
    options = on_named_cluster(console, options)
    remember(objective.task)
    origin = origin_of(objective.task)
    run = SearchRun(found, replace(options, origin=origin), changed.value)
    folder = _folder(out, found)
    mirrors: list[Mirror] = []
    uri = tracking_uri(tracking, store)

    def watch(grid: Grid) -> Sequence[Listener]:
        settings = found.default.suite.settings
        progress = TerminalProgress(
            console,
            objective.task.progress_metric,
            unit=objective.task.units.get(objective.task.progress_metric, ""),
            estimates=objective.task.estimate_durations(settings, grid),
            quiet=quiet,
            to_come=lambda: _to_come(found),
        )
        mirrors.append(
            Mirror(
                uri,
                objective.task.name,
                found.default.suite.name,
                grid,
                store,
                tags=_tags(found),
                awaits_report=True,
                parent=f"search {found.id}",
            )
        )
        return [progress, mirrors[-1]]

    run.watch = watch
    console.print(_headline(found), soft_wrap=True)
    console.print(f"Rule {objective.rule.name}: {objective.rule.held_out}.", soft_wrap=True)
    with kept_when_stopped(console, executor, lambda: "what is done is kept"):
        with _planned(run):
            run.run()
        title = f"{objective.task.name}/{found.default.suite.name}: search of {', '.join(found.space.ranges)}"
        title += selected(found)
        try:
            written = write(found, run.judged, folder, title=title, stopped=run.stopped)
        except BaseException:  # no report was written
            for mirror in mirrors:
                mirror.close()
            raise
        for mirror in mirrors:
            mirror.close(folder)
    said = "" if run.stopped else run.tidying.at_end(run.grid.cells)
    for part in written.headline:
        console.print(part, soft_wrap=True)
    if found.best is not None:
        worth = "" if beats_default(found) else " (no better than the suite's own values)"
        console.print(f"Best{worth}: {folder / 'best.yaml'}", soft_wrap=True)
    console.print(f"Report: {written.page}", soft_wrap=True)
    if said:
        console.print(said, soft_wrap=True)
    if mirrors and mirrors[0].problem is not None:
        console.print(f"MLflow is behind ({mirrors[0].problem}).", soft_wrap=True)
    nothing = not any(one.is_done for one in found.tried)  # all diverged: there is no best.yaml
    if run.stopped or nothing or any(one.ended.state == "failed" for one in found.tried):
        raise typer.Exit(ExitCode.FAILED)


def _tags(search: Search) -> dict[str, str]:
    """Return what MLflow's run of the whole search carries."""
    wanted = search.wanted
    return {
        "gridcell.search": f"{', '.join(search.space.ranges)}: {_objectives(search)}",
        "gridcell.search_id": search.id,
        "gridcell.search_by": f"{wanted.search}, seed {wanted.seed}",
        "gridcell.rule": search.objective.rule.name,
        **{f"gridcell.scheduler.{name}": str(value) for name, value in wanted.scheduling.items()},
    }


def _objectives(search: Search) -> str:
    return " and ".join(f"{metric} ({mode})" for metric, mode in search.objective.metrics)


def _one_or_all(given: list[str] | None) -> str | list[str] | None:
    """Return the one value of an option that may be repeated, all of several, or None."""
    return given[0] if given is not None and len(given) == 1 else given or None


def _to_come(search: Search) -> str:
    """Say what joins the run later: trials that are not chosen yet, and the comparison at the end."""
    left = max(0, search.wanted_trials - len(search.tried))
    said = [f"{left} trial{'s' * (left != 1)}"] if left else []
    if search.wanted.fresh_seeds and not search.objective.others:
        said.append("the fresh seeds")
    return " and ".join(said)


@contextlib.contextmanager
def _planned(run: SearchRun) -> Iterator[None]:
    """Let other commands find the search's cells by their ids: those that are known, and all at the end."""
    search = run.search

    def save() -> None:
        task, suite = search.objective.task.name, search.default.suite.name
        search.store.plans.save(task, suite, run.grid, plugins.paths(), search=search.id)

    search.recall()
    save()
    try:
        yield
    finally:
        save()


def _folder(out: Path | None, search: Search) -> Path:
    """Make the report's folder and return it.

    Raises:
        UserError: it can't be made, or no file can be written there.
    """
    name = f"reports/{search.objective.task.name}-{search.default.suite.name}-tune-{search.id}"
    return writable(out.expanduser() if out is not None else search.store.folder.local(name) or Path(name))


def _headline(search: Search) -> str:
    objective, wanted = search.objective, search.wanted
    peeks = " (trials see what the report judges by)" if objective.rule.oracle else ""
    stopped = f" with {wanted.scheduler}" if wanted.scheduler != "none" else ""
    scored = f"{objective.rule.value} for " if objective.rule.value else ""
    return (
        f"{objective.task.name}/{search.default.suite.name}: {wanted.trials} trials of "
        f"{', '.join(search.space.ranges)}{selected(search)} by {wanted.search}{stopped}, "
        f"{scored}{_objectives(search)}, rule {objective.rule.name}{peeks}, search {search.id}, "
        f"storage {search.store.uri}"
    )
