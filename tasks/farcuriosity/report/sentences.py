"""What the numbers say, in sentences that claim what the intervals allow and no more."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farcuriosity.report.summary import COLUMNS
from gridcell.report import marked

_ASKED = {"score": "the highest score", "rooms": "the most rooms", "places": "the most cells"}
_MOST_DECIMALS = 6
AGREE_BY_CHANCE = 6  # seeds that all point one way with a chance below 5 % if either way is as likely


@dataclass(frozen=True)
class Lead:
    """What is known of the best curiosity in an environment by one metric.

    Attributes:
        environment: its name.
        metric: by which.
        best: curiosities; several that are equal.
        claim: who leads, with all means.
        sure: whether the first differs from the next; empty where several are equal.
        clear: whether it leads the next beyond chance, seed by seed.
    """

    environment: str
    metric: str
    best: Sequence[str]
    claim: str
    sure: str = ""
    clear: bool = False


def leads(summary: Mapping[str, Any]) -> Iterator[Lead]:
    """Yield who leads in each environment by each metric; nobody where all are equal or one is alone."""
    for environment in dict.fromkeys(row["environment"] for row in summary["table"]):
        rows = [row for row in summary["table"] if row["environment"] == environment]
        for name, what in _ASKED.items():
            known = [row for row in rows if name in row["values"]]
            ordered = sorted(known, key=lambda row: row["values"][name]["mean"], reverse=True)
            best = [row for row in ordered if _as_good(row, ordered[0], name)]
            if len(best) == len(ordered):
                continue
            decimals = _telling(ordered, name)
            told = ", ".join(f"{named(row)} {spread(row, name, decimals)}" for row in ordered)
            names = [row["curiosity"] for row in best]
            if len(best) > 1:
                *others, last = map(named, best)
                share = f"{', '.join(others)} and {last} share {what}: {told}."
                yield Lead(environment, name, names, share)
                continue
            sure, clear = _difference(summary["differences"], name, *ordered[:2])
            claim = f"{named(best[0])} has {what}: {told}."
            yield Lead(environment, name, names, claim, sure, clear)


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say in sentences which curiosity did best, by environment, and whether it differs from the next.

    Where all are equal, or there is one alone, there is no answer.
    """
    said = [f"{one.environment}: {one.claim} {one.sure}".strip() for one in leads(summary)]
    for environment in dict.fromkeys(row["environment"] for row in summary["table"]):
        if told := sooner(summary, environment):
            said.append(f"{environment}: {told}")
    aggregates = summary.get("aggregates") or {}
    said += [
        f"Aggregates over games leave out {curiosity}, which has no score in {'; '.join(places)}."
        for curiosity, places in aggregates.get("missing", {}).items()
    ]
    return [*said, *improvements(summary)]


def improvements(summary: Mapping[str, Any]) -> list[str]:
    """Say with which probability a run of one curiosity beats one of another, and how sure that is."""
    aggregates = summary.get("aggregates") or {}
    said = []
    for pair in aggregates.get("improvement", ()):
        one, other = pair["seeds"]
        seeds = f"{one} seeds each" if one == other else f"{one} and {other} seeds"
        games = len(aggregates["games"])
        over = f"over {games} {'game' if games == 1 else 'games'}, {seeds.replace('1 seeds', '1 seed')}"
        if pair["ci95"] is None:
            chance = f"{pair['probability']:.2f}, {over}: too few seeds for an interval"
        else:
            low, high = pair["ci95"]
            chance = f"{pair['probability']:.2f} [{low:.2f}, {high:.2f}], {over}"
        name = marked(pair["curiosity"], "stale" in pair)
        said.append(f"A run of {name} beats one of {pair['against']} with probability {chance}.")
    return said


def sooner(summary: Mapping[str, Any], environment: str) -> str:
    """Say which curiosities learn sooner than others, beyond chance: they may end at the same score."""
    told = []
    for row in summary["differences"]:
        low, high = row["ci95"]
        place = row["environment"], row["metric"]
        if place != (environment, "score_over_training") or low <= 0 <= high or low == high:
            continue
        names = [row["curiosity"], row["against"]]
        if high < 0:
            names.reverse()
            low, high = -high, -low
        one, other = (marked(quoted(name), "stale" in row) for name in names)
        found = {"mean": abs(row["mean"]), "ci95": [low, high]}
        told.append(f"{one} sooner than {other} by {between(found, decimals_of([row['mean']]))}")
    return f"Some learn sooner (mean score over training, seed by seed): {'; '.join(told)}." if told else ""


def quoted(curiosity: str) -> str:
    """Return a curiosity's name; that of no curiosity is a word of the sentence otherwise."""
    return f"'{curiosity}'" if curiosity == "none" else curiosity


def named(row: Mapping[str, Any]) -> str:
    """Return a row's curiosity as sentences name it: marked where the row rests on a stale result."""
    return marked(quoted(row["curiosity"]), "stale" in row)


def decimals_in(rows: Sequence[Mapping[str, Any]], metric: str) -> int:
    """Return with how many decimals a metric is written in all rows of an environment, to be read down.

    Values below 1 get three digits, and seeds that differ are not written as if they were equal.
    """
    known = [row["values"][metric]["values"] for row in rows if metric in row["values"]]
    values = [value for of_row in known for value in of_row]
    decimals = COLUMNS[metric][1]
    if 0 < max(map(abs, values), default=0.0) < 1:
        decimals = max(decimals, decimals_of(values))
    for of_row in known:
        decimals = _until_apart(min(of_row), max(of_row), decimals)
    return decimals


def _until_apart(low: float, high: float, decimals: int) -> int:
    """Return with how many decimals two numbers that differ are written differently; at most six."""
    while number(low, decimals) == number(high, decimals) and low != high and decimals < _MOST_DECIMALS:
        decimals += 1
    return decimals


def decimals_of(values: Iterable[float]) -> int:
    """Return with how many decimals the largest of some values has three digits; at most five.

    Example:
        >>> decimals_of([0.0123, -0.4]), decimals_of([250.0]), decimals_of([0.0])
        (3, 1, 1)
    """
    largest = max(map(abs, values), default=0.0)
    return min(5, max(1, 2 - math.floor(math.log10(largest)))) if largest else 1


def _telling(ordered: Sequence[Mapping[str, Any]], metric: str) -> int:
    """Return with how many decimals the means of curiosities that differ are written differently."""
    means = list(dict.fromkeys(row["values"][metric]["mean"] for row in ordered))
    apart = [(one, other) for one, other in itertools.pairwise(means) if not math.isclose(one, other)]
    least = COLUMNS[metric][1]
    return next(
        (
            decimals
            for decimals in range(least, _MOST_DECIMALS)
            if all(number(one, decimals) != number(other, decimals) for one, other in apart)
        ),
        _MOST_DECIMALS,
    )


def _as_good(row: Mapping[str, Any], other: Mapping[str, Any], metric: str) -> bool:
    return math.isclose(row["values"][metric]["mean"], other["values"][metric]["mean"])


def _difference(
    differences: Sequence[Mapping[str, Any]], metric: str, first: Mapping[str, Any], next_: Mapping[str, Any]
) -> tuple[str, bool]:
    """Say how far the best is from the second best, whose rows are given, and whether that is clear."""
    environment, best, second = first["environment"], first["curiosity"], next_["curiosity"]
    for row in differences:
        if (row["environment"], row["metric"]) != (environment, metric):
            continue
        if {row["curiosity"], row["against"]} == {best, second}:
            sign = 1 if row["curiosity"] == best else -1
            low, high = sorted(sign * end for end in row["ci95"])
            found = {"mean": sign * row["mean"], "ci95": [low, high]}
            told = f"{named(first)} less {named(next_)} {between(found, _telling((first, next_), metric))}"
            clear = False
            if low <= 0 <= high:
                told += ": no clear difference"
            elif high < 0:  # it leads by seeds that the other has not
                told += ": the other way round"
            elif low == high and row["seeds"] < AGREE_BY_CHANCE:
                told += f": {row['seeds']} seeds may agree by chance"
            else:
                clear = True
            return f"Seed by seed, {told}.", clear
    seeds = [set(row["values"][metric]["seeds"]) for row in (first, next_)]
    if not seeds[0] & seeds[1]:
        return "They have no seed in common: the difference may be one of seeds.", False
    if len(seeds[0] | seeds[1]) > 1:
        return "They have one seed in common: this may be chance.", False
    return "One seed: this may be chance.", False


def between(found: Mapping[str, Any], decimals: int = 1) -> str:
    """Write a mean with its interval, if it has one; of seeds that agree exactly it would be no interval."""
    text = number(found["mean"], decimals)
    if found["ci95"] is None:
        return text
    low, high = found["ci95"]
    if low == high:
        return f"{text} in each seed"
    return f"{text} [{number(low, decimals)}, {number(high, decimals)}]"


def spread(row: Mapping[str, Any], name: str, decimals: int | None = None) -> str:
    """Write a mean over seeds, with the lowest and highest where there are several."""
    if name not in row["values"]:
        return "–"
    found, decimals = row["values"][name], COLUMNS[name][1] if decimals is None else decimals
    low, high = min(found["values"]), max(found["values"])
    decimals = _until_apart(low, high, decimals)
    text = number(found["mean"], decimals)
    return text if low == high else f"{text} ({number(low, decimals)} to {number(high, decimals)})"


def number(value: float | None, decimals: int = 1) -> str:
    """Write a number with so many decimals; a dash where there is none."""
    return "–" if value is None else f"{value:,.{decimals}f}".replace("-", "−")
