"""The first answer: what methods gain on the set fine-tuned on against what they lose elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridcell.plots import signed
from gridcell.report import Answer, Picture
from imagenet_rib.report.by_set import same_everywhere, with_interval as _estimate
from imagenet_rib.report.chance import at_chance, fell_to_chance, not_learned, worse_on_own_set
from imagenet_rib.report.estimates import verdict
from imagenet_rib.report.leaderboard import boards
from imagenet_rib.report.partial import partial_answer
from imagenet_rib.report.significance import ALPHA
from imagenet_rib.report.sureness import OVER, unselected
from imagenet_rib.report.wording import ROUNDING, TRAINED_ON, best_trade, listed, shown as _shown
from imagenet_rib.vocabulary import BASELINE, CURVE, VAL

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Tradeoff:
    """The ranking that the answer speaks of.

    Attributes:
        scope: a model, or all models.
        models: those it is over.
        rows: of the leaderboard, the best trade-off first: the largest sum of gain and mRI.
        board: where they come from.
    """

    scope: str
    models: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    board: Mapping[str, Any]


def find(summary: Summary) -> Tradeoff | None:
    """Return the trade-off over all models, or of the only one; None if no matrix is complete."""
    scope, board = next(boards(summary), ("", None))
    if board is None:
        return None
    ranked = [model for model, one in summary["leaderboard"]["models"].items() if one["ranking"]]
    models = [scope] if scope in ranked else ranked
    known = [row for row in board["ranking"] if row["gain"]["mean"] is not None]
    rows = sorted(known, key=lambda row: -(row["gain"]["mean"] + row["mRI"]["mean"]))
    return Tradeoff(scope, models, rows, board) if rows else None


def answer(summary: Summary) -> Answer:
    """Say which method trades best, by how much, and how sure that is."""
    found = find(summary)
    said = partial_answer(summary) if found is None else _answer(summary, found)
    return replace(said, sure=[*said.sure, *caveats(summary)])


def caveats(summary: Summary) -> list[str]:
    """Return what a reader of the ranking must know: settings chosen by it, what p is, who is at chance."""
    whole = any(boards(summary))
    tests = [unselected(summary)] if whole and unselected(summary) else []
    failed = [*not_learned(summary), *worse_on_own_set(summary)]
    return [
        *summary.get("twins", ()),
        *same_everywhere(summary),
        *summary.get("chosen", ()),
        *tests,
        *failed,
        *at_chance(summary),
        *fell_to_chance(summary),
    ]


def _answer(summary: Summary, found: Tradeoff) -> Answer:
    text = best_trade(found.rows)
    return Answer(f"{text}.", [*_sure(summary, found), *_on_the_way(summary, found)])


def _on_the_way(summary: Summary, found: Tradeoff) -> list[str]:
    """Say where WiSE-FT's curve keeps no less than the method that leads by mRI, and gains more."""
    leaders = _first_by_mri(found.rows)
    leader = max(leaders, key=lambda row: row["gain"]["mean"])
    alphas, x, y = _way(summary, found.models)
    better = [
        place
        for place in range(len(alphas))
        if x[place] > leader["gain"]["mean"] and y[place] >= leader["mRI"]["mean"]
    ]
    if len(alphas) < 3 or not better:  # the figure draws no curve
        return []
    best = max(better, key=lambda place: x[place])
    leads = "is among those that lead" if leaders[1:] else "leads"
    return [
        f"WiSE-FT with α = {alphas[best]} (a point of its curve, not its row) gains {signed(x[best])} on the "
        f"set fine-tuned on at an mRI of {signed(y[best])}: {leader['method']}, which "
        f"{leads} the rows by mRI, has {signed(leader['gain']['mean'])} and {signed(leader['mRI']['mean'])}."
    ]


def draw(summary: Summary) -> Picture | None:
    """Draw gain against robustness, with WiSE-FT's way between the weights and the Pareto front."""
    from gridcell.plots import Estimates, Way, tradeoff

    found = find(summary)
    if found is None:
        return None
    ends = {
        key: np.array([row[key]["ci95"] or [np.nan, np.nan] for row in found.rows], dtype=float)
        for key in ("gain", "mRI")
    }
    names = {row["method"]: _shown(row) for row in found.rows}
    points = Estimates(
        list(names.values()),
        np.array([row["gain"]["mean"] for row in found.rows]),
        np.array([row["mRI"]["mean"] for row in found.rows]),
        ends["gain"],
        ends["mRI"],
    )
    alphas, x, y = _way(summary, found.models)
    ways = [
        Way("WiSE-FT, α from 0 to 1", names.get(CURVE, CURVE), [f"α = {alpha}" for alpha in alphas], x, y)
    ]
    where = found.scope if len(found.models) == 1 else f"mean over {len(found.models)} models"
    figure = tradeoff(
        points,
        x_axis="gain on the set fine-tuned on,\ntraining images included (points)",
        y_axis="change on the other sets: mRI (points)",
        title=f"What is gained against what is lost ({where})",
        ways=ways if len(alphas) > 2 else [],
        order=[names.get(method, method) for method in summary["methods"]],
    )
    caption = (
        "Change of accuracy by fine-tuning: on the set itself, training images included (to the right: more "
        "is learned or memorised), and on the other sets (mRI; below 0: robustness is lost). Up and right is "
        "better. Lines are 95 % intervals "
        f"over {OVER.get(found.rows[0]['mRI']['interval'], 'images')}. The cross is the model before."
    )
    return Picture("tradeoff", "first", caption, figure)


def _way(summary: Summary, models: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the alphas that all models have, and there the mean gain and mRI."""
    curves = [summary["wise_ft_curve"].get(model, {}) for model in models]
    names = [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]
    alphas = [
        alpha
        for alpha in sorted(curves[0], key=float)
        if all(
            curve.get(alpha)
            and None not in (curve[alpha]["fine_tuned_on"]["mean"], curve[alpha]["mRI"]["mean"])
            for curve in curves
        )
    ]
    before = [np.mean([summary["pre"][model][name] for name in names]) for model in models] if alphas else []
    x = [
        np.mean(
            [curve[alpha]["fine_tuned_on"]["mean"] - pre for curve, pre in zip(curves, before, strict=True)]
        )
        for alpha in alphas
    ]
    y = [np.mean([curve[alpha]["mRI"]["mean"] for curve in curves]) for alpha in alphas]
    return alphas, np.array(x, dtype=float), np.array(y, dtype=float)


def _sure(summary: Summary, found: Tradeoff) -> list[str]:
    """Say how far the numbers could be off, whether the best differs from the baseline, who leads by mRI."""
    best = found.rows[0]
    over = {"seeds": "seeds", "images": "images, not over further fine-tunings"}.get(
        best["mRI"]["interval"], ""
    )
    models = len(found.models)
    size = f"{models} model{'s' * (models > 1)}, {len(summary['sets']) - 1} sets, {_seeds(summary)}"
    said = []
    if best["mRI"]["ci95"] and best["gain"]["ci95"]:
        said.append(
            f"{_shown(best)}: {_estimate(best['gain'])} on the set fine-tuned on{TRAINED_ON}, "
            f"{_estimate(best['mRI'])} elsewhere (95 % over {over}; {size})."
        )
    else:
        said.append(f"One run of each, no intervals ({size}).")
    minus = best["minus_ft"]
    if best["method"] != BASELINE and minus["mean"] is not None:
        p = best["p_holm"]
        holds = None
        if found.board["smallest_p_holm"] is not None and found.board["smallest_p_holm"] >= ALPHA:
            sure = "too few pairs for any test of it"
        elif p is None:
            sure = "not tested"
        else:
            holds = p < ALPHA
            sure = f"p = {p:.2g} after Holm's correction{'' if holds else ': not significant'}"
            sure += f"; the {models} models' pairs of one set count as independent" if models > 1 else ""
        said += _together(best, "")
        said.append(
            f"Elsewhere {_shown(best)} differs from {BASELINE} by {_estimate(minus)} points"
            f"{_how_sure(minus, holds, sure)}."
        )
    if best["method"] == BASELINE and len(found.rows) > 1:
        said += _together(found.rows[1], f" of {_shown(found.rows[1])}, the next by their sum")
    first = _first_by_mri(found.rows)
    if best not in first:
        several, gain = len(first) > 1, signed(first[0]["gain"]["mean"])
        said.append(
            f"By mRI alone, by which the leaderboard ranks, {listed([_shown(row) for row in first])} "
            f"{'are' if several else 'is'} first ({signed(first[0]['mRI']['mean'])}): on the set "
            f"fine-tuned on {_shown(first[0]) if several else 'it'} has {gain}, {_shown(best)} "
            f"{signed(best['gain']['mean'])}."
        )
    return said


def _first_by_mri(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of the largest mRI, but for rounding of floating-point numbers."""
    largest = max(row["mRI"]["mean"] for row in rows)
    return [row for row in rows if largest - row["mRI"]["mean"] < ROUNDING]


def _together(row: Mapping[str, Any], whose: str) -> list[str]:
    """Say how gain and mRI together differ from the baseline's, if that is known."""
    total = row["total_minus_ft"]
    if total["mean"] is None:
        return []
    noise = "" if verdict(total) in ("above", "below") else ", which noise explains"
    how = f" over {OVER[total['interval']]}" if total["ci95"] else ""
    return [f"Gain and mRI together{whose}: {_estimate(total)}{how} against {BASELINE}{noise}."]


def _how_sure(minus: Mapping[str, Any], holds: bool | None, test: str) -> str:
    """Say over what a difference is sure: the interval's images or seeds, and the test's fine-tunings."""
    where = verdict(minus)
    if not where:
        return f" ({test})"
    images = OVER[minus["interval"]]
    spans = where == "either"
    first = f": not sure over {images} (the interval spans zero)" if spans else f": sure over {images}"
    if holds is None:
        return f"{first}; whether over fine-tunings is open ({test})"
    if holds:
        joined = ", but over" if spans else " and over"
    else:
        joined = " and not over" if spans else ", but not over"
    return f"{first}{joined} fine-tunings ({test})"


def _seeds(summary: Summary) -> str:
    count = len([seed for seed in summary["seeds"] if seed is not None])
    return "one seed" if count <= 1 else f"{count} seeds"
