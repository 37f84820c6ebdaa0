"""The first answer: which space of hypotheses needs to be told least."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.plots import short
from gridcell.report import Answer
from inductive_bias.distributions.information import BITS
from inductive_bias.report.sentences import fewer_seeds, verdict

_PROBLEMS = 4  # named one by one

Row = Mapping[str, Any]


def answer(summary: Mapping[str, Any]) -> Answer:
    """Say which space needs the fewest bits, on how many problems, and how sure that is."""
    by_problem: dict[str, list[Row]] = {}
    for row in summary["compared"]:
        by_problem.setdefault(row["problem"], []).append(row)
    ranked = {name: sorted(rows, key=lambda row: row["bits"]) for name, rows in by_problem.items()}
    several = {name: rows for name, rows in ranked.items() if len(rows) > 1}
    if not several:
        said = [_told(rows[0]) for rows in ranked.values()][:_PROBLEMS]
        missing = "No problem has estimates of two spaces at its first number of training points."
        return Answer("Which space needs the fewest bits cannot be said yet.", [missing, *said])
    firsts = [rows[0]["space"] for rows in several.values()]
    best = max(dict.fromkeys(firsts), key=firsts.count)
    count = firsts.count(best)
    shown = {name: rows for name, rows in several.items() if rows[0]["space"] == best}
    name, rows = max(shown.items(), key=lambda item: item[1][-1]["bits"] - item[1][0]["bits"])
    where = f"on {name}" if len(several) == 1 else f"on {count} of {len(several)} problems"
    example = "" if len(several) == 1 else f", on {name}"
    text = (
        f"{best} needs the fewest bits to generalize {where}{example}: {_bits(rows[0])}; "
        f"{rows[1]['space']}, the next, {_bits(rows[1])}"
    )
    text += f", and {rows[-1]['space']}, the most, {_bits(rows[-1])}." if len(rows) > 2 else "."
    return Answer(text, _sure(summary, several))


def _sure(summary: Mapping[str, Any], several: Mapping[str, Sequence[Row]]) -> list[str]:
    """Say for each problem how far the best is from the next, and whether that is beyond noise."""
    said = []
    for problem, (first, second, *_) in list(several.items())[:_PROBLEMS]:
        pair = {first["space"], second["space"]}
        found = next(
            (
                one
                for one in summary["spaces"]
                if one["problem"] == problem and {one["first"], one["second"]} == pair
            ),
            None,
        )
        told = f"{problem}: {first['space']} {_bits(first)}, {second['space']} {_bits(second)}"
        if found is None or verdict(found) == "":
            told += "; one seed or none in common, so how sure this is cannot be said"
        else:
            low, high = (abs_end * BITS for abs_end in found["ci95"])
            sign = 1 if found["first"] == second["space"] else -1
            low, high = sorted((sign * low, sign * high))
            unsure = ", which noise explains" if verdict(found) == "either" else ""
            told += f"; difference {short(sign * found['bits'])} [{short(low)}, {short(high)}] bits{unsure}"
        seeds = fewer_seeds(first)
        said.append(f"{told}{f' ({seeds})' if seeds else ''}.")
    more = len(several) - _PROBLEMS
    return said + ([f"{more} more problems are in the tables below."] if more > 0 else [])


def _told(row: Row) -> str:
    return f"{row['space']} on {row['problem']}: {_bits(row)} bits."


def _bits(row: Row) -> str:
    value = row["bits"]
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"
