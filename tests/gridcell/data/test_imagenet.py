"""The class table against timm's."""

import importlib.util
from pathlib import Path

import pytest
from timm.data import ImageNetInfo

from gridcell.data.imagenet import imagenet_names, imagenet_subset, imagenet_wnids, label_of_wnid


def test_classes_are_timms_in_the_same_order():
    info = ImageNetInfo("imagenet-1k")
    assert list(imagenet_wnids()) == info.label_names()
    assert list(imagenet_names()) == info.label_descriptions()
    assert label_of_wnid()[info.index_to_label_name(999)] == 999


@pytest.mark.parametrize("name", ["a", "r"])
def test_subsets_are_timms(name):
    info = Path(importlib.util.find_spec("timm").origin).parent / "data" / "_info"
    listed = [int(line) for line in (info / f"imagenet_{name}_indices.txt").read_text().split()]
    assert list(imagenet_subset(name)) == listed
    assert len(listed) == 200
