"""Which settings were chosen by the score that the report's answer compares by, and on which data.

A method whose setting was searched on the very sets and models that rank it has an advantage over the others,
which no interval holds.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A setting that was chosen by results on a benchmark.

    Attributes:
        source: of the data that it was chosen on.
        kind: of the method.
        setting: its name.
        value: that was chosen.
        how: by which rule, among which values, on which models and seed.
    """

    source: str
    kind: str
    setting: str
    value: float
    how: str


CHOICES = (
    Choice(
        "digits",
        "ewc",
        "strength",
        200,
        "by the largest sum of gain and mRI, which the answer compares by, among six values on vit-rich and "
        "three on vit-plain and on resnet-rich, with seed 3",
    ),
)
"""Of the suites that come with the benchmark; the science page has the figures."""


def chosen_here(settings: Mapping[str, Any], methods: Collection[str]) -> list[str]:
    """Say which settings of the methods shown were chosen on these sets, by which rule and on which seed.

    Of other sets, say that the values were chosen elsewhere.

    Args:
        settings: of the suite.
        methods: names of those that have results.
    """
    source, entries = settings["data"]["source"], settings["methods"]
    used = [
        (name, choice)
        for choice in CHOICES
        for name, entry in entries.items()
        if name in methods
        and (entry.get("kind", name), entry.get(choice.setting)) == (choice.kind, choice.value)
    ]
    found = [(name, choice) for name, choice in used if choice.source == source]
    if used and not found:
        told = "; ".join(
            f"{name}: {choice.setting} {choice.value:g} was chosen on other data ({choice.source}), not on "
            "these sets, and may not fit them"
            for name, choice in used
        )
        return [f"{told}. 'gridcell tune' searches a value that does."]
    others = [name for name in entries if name in methods and name not in {name for name, _ in found}]
    if not found or not others:  # nothing to compare it with
        return []
    said = [f"{name}: {choice.setting} {choice.value:g} was chosen {choice.how}" for name, choice in found]
    return [
        f"{'; '.join(said)}. No setting of the others was chosen so: a comparison with them is fair "
        "only after a search for each ('gridcell tune')."
    ]
