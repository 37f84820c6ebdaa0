"""Class subsets against brute force over single samples."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from gridcell.errors import UserError
from imagenet_rib.learning.masking import (
    NO_ANSWER,
    answers,
    check_labels,
    positions,
    predict_within,
    restrict,
    right,
)


@st.composite
def problems(draw):
    num_classes = draw(st.integers(1, 12))
    subset = sorted(draw(st.sets(st.integers(0, num_classes - 1), min_size=1)))
    labels = draw(st.lists(st.sampled_from(subset), min_size=1, max_size=9))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    return torch.randn(len(labels), num_classes, generator=generator), torch.tensor(labels), subset


@given(problems())
def test_logits_labels_and_predictions_agree_with_brute_force(problem):
    logits, labels, subset = problem
    classes = torch.tensor(subset)
    assert restrict(logits, classes).tolist() == [[row[c] for c in subset] for row in logits.tolist()]
    assert positions(labels, classes).tolist() == [subset.index(label) for label in labels.tolist()]
    best = [max(subset, key=lambda c, row=row: row[c]) for row in logits.tolist()]
    assert predict_within(logits, classes).tolist() == best
    check_labels(labels, classes, logits.shape[1])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1.0, float("nan"), 0.0], NO_ANSWER),
        ([1.0, float("inf"), 0.0], NO_ANSWER),
        ([-float("inf")] * 3, NO_ANSWER),
        ([1.0, -float("inf"), 2.0], 4),  # a class that a model rules out
        ([1.0, 0.0, 1.0], 0),
    ],
)
def test_scores_that_are_not_finite_are_no_answer(scores, expected):
    """``argmax`` would name a class, always the same one: accuracy at chance, and nobody would know why."""
    logits = torch.full((1, 5), float("nan"))
    logits[0, [0, 2, 4]] = torch.tensor(scores)
    assert predict_within(logits, torch.tensor([0, 2, 4])).tolist() == [expected]


@pytest.mark.parametrize(
    ("labels", "classes", "complaint"),
    [
        ([1, 4], [1, 2], "Label 4"),
        ([1], [2, 1], "sorted"),
        ([1], [1, 1], "distinct"),
        ([1], [1, 10], "model of 10"),
        ([-1], [-1, 1], "model of 10"),
        ([], [], "at least one"),
    ],
)
def test_labels_and_classes_that_do_not_fit_are_refused(labels, classes, complaint):
    with pytest.raises(UserError, match=complaint):
        check_labels(torch.tensor(labels).long(), torch.tensor(classes).long(), 10)


def test_several_classes_that_are_right_by_hand():
    """Ties are bow ties (1) or Windsor ties (4), bananas are bananas (2); ImageNet has classes 0 to 5."""
    alternatives = {1: (4,)}
    assert answers((1, 2), alternatives) == (1, 2, 4)
    scores = torch.tensor(
        [
            [9.0, 1.0, 0.0, 9.0, 2.0, 9.0],  # a Windsor tie, once what isn't asked for is masked
            [0.0, 3.0, 1.0, 0.0, 2.0, 0.0],  # a bow tie
            [0.0, 1.0, 3.0, 0.0, 2.0, 0.0],  # a banana
            [0.0, 1.0, 2.0, 0.0, 3.0, 0.0],  # a Windsor tie
        ]
    )
    predicted = predict_within(scores, torch.tensor(answers((1, 2), alternatives))).numpy()
    assert predicted.tolist() == [4, 1, 2, 4]
    assert right(predicted, np.array([1, 1, 1, 2]), alternatives).tolist() == [True, True, False, False]
    assert right(predicted, np.array([1, 1, 1, 2]), {}).tolist() == [False, True, False, False]


@given(problems(), st.data())
def test_to_choose_among_all_answers_is_to_choose_the_own_class_of_the_highest_score(problem, data):
    """The same as the maximum over each own class's ImageNet classes, which is how others compute it."""
    logits, labels, subset = problem
    owner = {label: data.draw(st.sampled_from(subset)) for label in range(logits.shape[1])}
    owner |= {label: label for label in subset}
    alternatives = {own: tuple(k for k, o in owner.items() if o == own and k != own) for own in subset}
    predicted = predict_within(logits, torch.tensor(answers(subset, alternatives))).numpy()
    best = [max(subset, key=lambda own: max(row[[own, *alternatives[own]]])) for row in logits.numpy()]
    assert right(predicted, labels.numpy(), alternatives).tolist() == [
        own == label for own, label in zip(best, labels.tolist(), strict=True)
    ]
