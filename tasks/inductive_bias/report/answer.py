"""The first answer: which space of hypotheses needs to be told least."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gridcell.plots import short
from gridcell.report import Answer, marked
from inductive_bias.report.places import named
from inductive_bias.report.sentences import fewer_seeds, unsuited, verdict

_PROBLEMS = 4  # named one by one
_NONE, _MANY = 1e-3, 1e6  # bits below which none are needed, and from which digits say nothing

Row = Mapping[str, Any]


def answer(summary: Mapping[str, Any]) -> Answer:
    """Say which space needs the fewest bits, on how many problems, and how sure that is."""
    found = _ranked(summary)
    return replace(found, sure=[*found.sure, *unsuited(summary)])


def _ranked(summary: Mapping[str, Any]) -> Answer:
    by_problem: dict[str, list[Row]] = {}
    for row in summary["compared"]:
        by_problem.setdefault(named(row), []).append(row)
    ranked = {name: sorted(rows, key=lambda row: row["bits"]) for name, rows in by_problem.items()}
    several = {name: rows for name, rows in ranked.items() if len(rows) > 1}
    if not several:
        shown = [rows[0] for rows in ranked.values()][:_PROBLEMS]
        said = [_told(row) for row in shown]
        alone = [row for row in shown if "ci95_bits" in row]
        missing = (
            "Which space needs the fewest bits cannot be said yet: no problem has estimates of two spaces at "
            "one number of training points where they are compared."
        )
        return Answer(" ".join(said), [missing, *map(_how_sure, alone)]) if said else Answer(missing)
    clear = {name: rows for name, rows in several.items() if _apart(summary, name, *rows[:2])}
    if not clear:
        name, (first, second, *_) = next(iter(several.items()))
        same = [row for row in several[name] if _bits(row) == _bits(first)]
        if len(same) > 1:
            return Answer(_shared(name, same), _sure(summary, several))
        return Answer(_undecided(summary, name, first, second), _sure(summary, several))
    firsts = [rows[0]["space"] for rows in clear.values()]
    best = max(dict.fromkeys(firsts), key=firsts.count)
    name, rows = next((name, rows) for name, rows in clear.items() if rows[0]["space"] == best)
    best = marked(best, any("stale" in own[0] for own in clear.values() if own[0]["space"] == best))
    if len(several) == 1:
        text = f"{best} needs the fewest bits to generalize on {name}: {_bits(rows[0])}"
    else:
        where = f"on {firsts.count(best)} of {len(several)} problems"
        text = f"{best} clearly needs the fewest bits to generalize {where}; on {name} {_bits(rows[0])}"
    text += f"; {_space(rows[1])}, the next, {_bits(rows[1])}"
    text += f", and {_space(rows[-1])}, the most, {_bits(rows[-1])}." if len(rows) > 2 else "."
    return Answer(text, _sure(summary, several))


def _shared(problem: str, same: Sequence[Row]) -> str:
    """Name all spaces that need the fewest bits, as they are written."""
    *others, last = map(_space, same)
    spaces = f"{', '.join(others)} and {last}"
    return (
        f"No space alone needs the fewest bits to generalize: on {problem}, {spaces} need {_bits(same[0])}."
    )


def _undecided(summary: Mapping[str, Any], problem: str, first: Row, second: Row) -> str:
    """Say of the two spaces that need least why neither stands first."""
    pair = _pair(summary, problem, first, second)
    why = "too few seeds to tell them apart" if pair is None or verdict(pair) == "" else "within noise"
    text = f"No space clearly needs fewer bits to generalize than the next: on {problem}, {_row(first)}"
    return f"{text} and {_row(second)}, {why}."


def _pair(summary: Mapping[str, Any], problem: str, first: Row, second: Row) -> Row | None:
    """Return the paired difference of two spaces on a problem."""
    spaces = {first["space"], second["space"]}
    found = (one for one in summary["spaces"] if named(one) == problem)
    return next((one for one in found if {one["first"], one["second"]} == spaces), None)


def _apart(summary: Mapping[str, Any], problem: str, first: Row, second: Row) -> bool:
    """Tell whether the first of two spaces needs less beyond noise."""
    pair = _pair(summary, problem, first, second)
    return pair is not None and verdict(pair) == ("below" if pair["first"] == first["space"] else "above")


def _sure(summary: Mapping[str, Any], several: Mapping[str, Sequence[Row]]) -> list[str]:
    """Say for each problem how far the best is from the next, and whether that is beyond noise."""
    said = []
    for problem, (first, second, *_) in list(several.items())[:_PROBLEMS]:
        found = _pair(summary, problem, first, second)
        told = f"{problem}: {_space(first)} {_bits(first)}, {_space(second)} {_bits(second)}"
        if found is None or verdict(found) == "":
            told += "; one seed or none in common, so how sure this is cannot be said"
        else:
            sign = 1 if found["first"] == second["space"] else -1
            low, high = sorted(sign * end for end in found["ci95_bits"])
            unsure = ", which noise explains" if verdict(found) == "either" else ""
            told += f"; difference {short(sign * found['bits'])} [{short(low)}, {short(high)}] bits{unsure}"
        seeds = fewer_seeds(first)
        said.append(f"{told}{f' ({seeds})' if seeds else ''}.")
    more = len(several) - _PROBLEMS
    return said + ([f"{more} more problems are in the tables below."] if more > 0 else [])


def _told(row: Row) -> str:
    return f"{_space(row)} needs {_bits(row)} bits to generalize on {named(row)}."


def _how_sure(row: Row) -> str:
    """Give the interval of a space that stands alone, and what it is over; or say that there is none."""
    low, high = row["ci95_bits"]
    seeds = fewer_seeds(row) or f"{row['seeds']} seed{'s' * (row['seeds'] != 1)}"
    if low is None or high is None:
        return f"{named(row)}, {_space(row)}: {seeds}, so no interval is known."
    over = "seeds" if row["interval"] == "seeds" else "sampled hypotheses"
    ends = f"[{short(max(0.0, low))}, {short(high)}]"
    return f"{named(row)}, {_space(row)}: 95 % interval over {over} {ends} bits ({seeds})."


def _row(row: Row) -> str:
    return f"{_space(row)} needs {_bits(row)}"


def _space(row: Row) -> str:
    return marked(row["space"], "stale" in row)


def _bits(row: Row) -> str:
    value = row["bits"]
    if 0 < value < _NONE:
        return f"less than {_NONE:g}"
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}" if value < _MANY else short(value)
