"""What the contract of methods says of one that breaks it."""

import dataclasses

import pytest

from gridcell.testing import ContractError
from imagenet_rib.learning import method_checks
from imagenet_rib.learning.merging import average
from imagenet_rib.methods import soup

LACKING = r"^merge with \{\} leaves out (\S+, ){2}\S+ and 2 more$"
MORE = r"^merge with \{\} adds extra0, extra1, extra2 and 1 more, which the model does not have$"


def merging(change):
    return dataclasses.replace(
        soup.method, merge=lambda weights, **_: change(dict(average(list(weights.values()))))
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda merged: dict(list(merged.items())[5:]), LACKING),
        (lambda merged: {**merged, **dict.fromkeys([f"extra{n}" for n in range(4)])}, MORE),
        (lambda merged: dict(list(merged.items())[1:]), r"^merge with \{\} leaves out \w+$"),
    ],
    ids=["lacking", "more", "one"],
)
def test_weights_that_a_merge_leaves_out_or_adds_are_named_and_counted(change, said):
    with pytest.raises(ContractError, match=said):
        method_checks._merges(merging(change))
