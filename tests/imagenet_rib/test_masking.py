"""Class subsets against brute force over single samples."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gridcell.errors import UserError
from imagenet_rib.masking import check_labels, positions, predict_within, restrict


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
