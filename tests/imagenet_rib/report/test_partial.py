"""What a report says while no method has a complete matrix."""

import pytest

from imagenet_rib.report.partial import partial_answer

SETS = ("v2", "a", "r")


def summary_of(models, known):
    """Summary of models that were tested before fine-tuning on the first ``known`` sets, and on no others."""
    before = {name: 10.0 * (place + 2) if place < known else None for place, name in enumerate(SETS)}
    return {"ri": {}, "pre": {model: {"val": 90.0, **before} for model in models}, "sets": []}


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (0, "Which method keeps robustness cannot be said yet: no model was tested on any set."),
        (1, "Before fine-tuning m is right on 20.0 % of one set."),
        (2, "Before fine-tuning m is right on 25.0 % of 2 sets (v2 20.0 to a 30.0)."),
        (3, "Before fine-tuning m is right on 30.0 % of 3 sets (v2 20.0 to r 40.0)."),
    ],
)
def test_accuracy_before_fine_tuning_is_that_of_the_sets_that_are_known(known, text):
    assert partial_answer(summary_of(["m"], known)).text == text


@pytest.mark.parametrize(("models", "more"), [(1, ""), (3, ""), (4, "; 1 more is in the table.")])
def test_three_models_are_told_and_the_others_counted(models, more):
    text = partial_answer(summary_of([f"m{number}" for number in range(models)], 1)).text
    assert text.count("is right on") == min(models, 3)
    assert text.endswith(more or "of one set.")
