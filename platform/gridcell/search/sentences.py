"""What a search found, in sentences: for the terminal and the top of its page."""

from collections import Counter
from statistics import fmean
from typing import Any

from gridcell.search import lineage, several
from gridcell.search.best import NAME
from gridcell.search.judge import Judged
from gridcell.search.lead import Lead, beats_default, best_is_default, leads
from gridcell.search.search import Search
from gridcell.search.spent import spent

_NAMED = 5  # trials as good as the best one


def said(search: Search, judged: Judged | None, stopped: str = "") -> list[str]:
    """Return what the search found, in sentences."""
    objective, best = search.objective, search.best
    rule = objective.rule
    states = Counter(lineage.state_of(search, one) for one in search.tried)
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    wanted_trials = search.wanted_trials
    wanted = len(search.tried) < wanted_trials
    many = f"{len(search.tried)} of {_trials(wanted_trials)}" if wanted else _trials(len(search.tried))
    sentences = [f"{many}: {counted}."]
    if search.outside:
        sentences.append(f"{search.outside} earlier trials are outside the space now, and left out.")
    if search.later:
        sentences.append(
            f"{_trials(search.later)} that an earlier command asked for, not begun: fewer are wanted now, or "
            "the budget is spent."
        )
    for number, why in list(search.refused.items())[:1]:
        sentences.append(f"{_trials(len(search.refused))} can't be planned, such as {number}: {why}")
    if stopped:
        sentences.append(f"The search ended early: {stopped}.")
    elif search.over_budget and (search.ladder is not None or len(search.tried) < wanted_trials):
        sentences.append(
            f"The budget of {search.wanted.budget:g} hours of computing is spent: {search.spent_hours:.2g}."
        )
    elif wanted:
        nobody = "All members of a generation failed or diverged, so that none could go on."
        sentences.append(nobody if search.population else "The grid has no more points.")
    sentences += lineage.said(search)
    trained = spent(search)
    if trained is not None:
        sentences.append(
            f"By {search.wanted.scheduler} {trained} were trained. A trial that was stopped at a rung ranks "
            "below those that came further, and is never the best."
        )
    held = rule.held_out[:1].upper() + rule.held_out[1:]
    sentences.append(f"Rule {rule.name}. {held}.")
    sentences += _untouched(search)
    if search.objective.others:
        return [*sentences, *several.said(search)]
    if best is None:
        if any(one.ended.state == "stopped" for one in search.tried):
            return [*sentences, f"No trial that was trained to its end has a {objective.value_name}."]
        return [*sentences, f"No trial has a {objective.value_name}."]
    shown = ", ".join(f"{key} = {_written(value)}" for key, value in best.trial.params.items())
    own = search.default.ended.value
    beside = f", {own:.4g} with the suite's own values" if own is not None else ""
    last = "its last stage has " if search.population is not None else ""
    sentences.append(
        f"The best trial is {best.trial.number}: {last}{shown}. Its {objective.value_name} is "
        f"{best.ended.value:.4g}{beside}, {_scored_by(search)}."
    )
    sentences += _as_good(search)
    ahead = list(leads(search))
    sentences += map(_told, ahead)
    if any(lead.half_width is not None and not lead.is_noise for lead in ahead):
        sentences.append(
            f"It was chosen by these values as the best of {_trials(len(search.tried))}, so that its lead is "
            "overstated: fresh seeds judge it."
        )
    if best_is_default(search):
        sentences.append(
            "The best trial has the suite's own values: there is nothing to compare on fresh seeds."
        )
    elif not beats_default(search):
        sentences.append(f"No trial is better than the suite's own values: {NAME} holds the best trial.")
    choices = search.choices()
    if choices:
        chosen = fmean(one.ended.parts[part][1] for part, one in choices.items())
        sentences.append(
            f"With the choice for each part made without it, {objective.metric} is {chosen:.4g} on the "
            f"trials' own seeds. {NAME} holds the trial that is chosen most often."
        )
    if judged is not None:
        sentences.append(_verdict(search, judged))
    if any(one.ended.stale for one in search.tried):
        sentences.append(
            "Some trials are stale: their results were made by other code, or from other inputs."
        )
    return sentences


def _as_good(search: Search) -> list[str]:
    """Name the trials whose value is the best one's, too: it is the first of them."""
    best, name = search.best, search.objective.value_name
    done = [one for one in search.tried if one.is_done and one.ended.value is not None]
    same = [one.trial.number for one in done if best is not None and one.ended.value == best.ended.value]
    if len(same) < 2 or best is None:
        return []
    if len(same) == len(done):
        return [f"All {len(same)} trials with a {name} have the same: what was searched made no difference."]
    others = [str(number) for number in same if number != best.trial.number]
    told = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if others[_NAMED:] else "")
    one = len(others) == 1
    return [f"{'Trial' if one else 'Trials'} {told} {'has' if one else 'have'} the same {name}."]


def _told(lead: Lead) -> str:
    """Say how far the best trial is ahead, and whether that is more than noise."""
    ahead = f"The best trial less {lead.other}: {lead.mean:+.3g}"
    if lead.half_width is None:
        return f"{ahead}; how much of it is noise is not known: that takes several seeds."
    ends = f"[{lead.mean - lead.half_width:+.3g}, {lead.mean + lead.half_width:+.3g}]"
    verdict = "no difference beyond chance" if lead.is_noise else "more than the noise of two trials"
    return f"{ahead} {ends} (95 % over {lead.over}): {verdict}."


def _scored_by(search: Search) -> str:
    """Say what a trial's value is of, which has the name of the report's metric."""
    rule = search.objective.rule
    scored = f"for {search.objective.metric} " if rule.value else ""
    return f"{scored}under rule {rule.name}" + ("" if rule.oracle else ": not the value that a report shows")


def _trials(count: int) -> str:
    return f"{count} trial{'s' * (count != 1)}"


def _untouched(search: Search) -> list[str]:
    """Say how many results the value of a trial is made from that no trial changes: they hide differences."""
    targets = [one for one in search.default.grid.targets if not one.whichever]
    default = {target.cell: target.labels for target in targets}
    same = set(default)
    for one in search.tried:
        cells = {target.cell for target in one.grid.targets}
        if not default.keys() <= cells:  # a trial with the default's values changes nothing
            same &= cells
    if not same or len(same) == len(default):
        return []
    labels = default[min(same, key=list(default).index)]
    shown = ", ".join(f"{label}={value}" for label, value in labels.items())
    return [
        f"{len(same)} of the {len(default)} results of a trial are the same in every trial, such as {shown}, "
        f"so that {search.objective.value_name} differs less between trials: --select leaves them out."
    ]


def judged_name(search: Search) -> str:
    """Name what fresh seeds are judged by: the report's metric, of what was selected alone."""
    selected = [f"{label}={','.join(values)}" for label, values in search.objective.select.items()]
    return search.objective.metric + (f" of {' '.join(selected)}" if selected else "")


def _verdict(search: Search, judged: Judged) -> str:
    best, default = judged.means()
    seeds, both = len(judged.seeds), len(judged.differences)
    where = f"On {seeds} fresh seed{'s' * (seeds != 1)}" if seeds else "As the report judges"
    if 0 < both < seeds:
        where = f"On {both} of {seeds} fresh seeds (the others lack a value)"
    best_values = "the values chosen for each part" if search.choices() else "the best trial's values"
    if best is None or default is None or not judged.differences:
        return f"{where} the best trial or the default has no {search.objective.metric}."
    mean, half = judged.difference
    interval = (
        f" [{mean - half:.4g}, {mean + half:.4g}], paired, 95 % Student over {len(judged.differences)} seeds"
        if half is not None
        else " (one pair: no interval)"
    )
    return (
        f"{where} {judged_name(search)} is {best:.4g} with {best_values} and {default:.4g} "
        f"with the suite's own: a difference of {mean:.4g}{interval}."
    )


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
