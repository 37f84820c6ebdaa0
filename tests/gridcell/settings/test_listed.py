"""What can be set in the suites of each task is written down: its values with their ranges, and its default.

A changed default or range changes what a suite runs or refuses, so that it is a line of the table that is
reviewed. ``python tests/gridcell/settings/test_listed.py`` writes the table again.
"""

import csv
import json
from pathlib import Path

import pytest

from gridcell.settings.schema import settings_of
from gridcell.task import find_task

TABLE = Path(__file__).parent / "listed.tsv"
TASKS = ("imagenet-rib", "inductive-bias", "generalization-difficulty", "farcuriosity", "farmap")


def listed(task: str) -> list[list[str]]:
    """Return a row for each setting: task, path, kind of entry, values, default."""
    return [
        [
            task,
            ".".join(one.path),
            one.kind,
            one.type,
            "(required)" if one.required else json.dumps(one.default, sort_keys=True, default=str),
        ]
        for one in settings_of(find_task(task).settings)
    ]


def written() -> list[list[str]]:
    """Return all rows of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("task", TASKS)
def test_settings_have_the_values_and_defaults_that_are_written_down(task):
    assert listed(task) == [row for row in written() if row[0] == task]


if __name__ == "__main__":
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(
            file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        ).writerows(row for task in TASKS for row in listed(task))
