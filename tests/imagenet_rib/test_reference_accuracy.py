"""A real model's accuracy under each corruption, against the reference implementation of ImageNet-C.

The reference's answers were made once, in an environment of its own; the file says how.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from gridcell.data.corruptions import SEVERITIES, corrupt
from photographs import PHOTOGRAPHS, crops

_DATA = Path(__file__).parents[1] / "gridcell" / "data"
REFERENCE = json.loads((_DATA / "imagenet_c_accuracy.json").read_text())
CROPS = 8
LARGE = {"frost": 0.05}
"""Difference allowed beyond noise: our frost is procedural, the reference pastes photographs of ice."""

pytestmark = pytest.mark.long  # some three minutes of one core in all


def bits(text):
    return np.array([int(letter) for letter in text])


@pytest.fixture(scope="module")
def pictures():
    return np.stack([np.asarray(crop) for name in PHOTOGRAPHS for crop in crops(name, CROPS, 224, seed=11)])


@pytest.fixture(scope="module")
def right():
    """Return which images a pre-trained EfficientNet-Lite0 gets right."""
    torch = pytest.importorskip("torch")
    from imagenet_rib.learning.models import build_model, build_pretrained, normalisation_of
    from imagenet_rib.learning.pretrained import offline_weights

    name = "tf_efficientnet_lite0.in1k"
    weights = offline_weights(name, build_model(name, num_classes=1000, image_size=224).state_dict())
    model = build_pretrained(name, num_classes=1000, image_size=224, weights=weights).eval()
    normalise = normalisation_of(model)
    wanted = [classes for classes in PHOTOGRAPHS.values() for _ in range(CROPS)]

    def count(images):
        with torch.inference_mode():
            batches = np.array_split(images, 4)
            answers = torch.cat([model(normalise(torch.from_numpy(batch))).argmax(1) for batch in batches])
        return np.array([answer in classes for answer, classes in zip(answers.tolist(), wanted, strict=True)])

    return count


def test_photographs_are_recognised(right, pictures):
    assert np.mean(right(pictures)) == pytest.approx(bits(REFERENCE["clean"]).mean(), abs=0.02)


@pytest.mark.parametrize("name", sorted(REFERENCE["right"]))
def test_every_corruption_costs_what_the_references_does(name, right, pictures):
    """Differences are paired by photograph; the mean over severities has the noise of 56 crops."""
    ours = np.stack([right(corrupt(pictures, name, severity, 0)) for severity in SEVERITIES])
    theirs = np.stack([bits(REFERENCE["right"][name][str(severity)]) for severity in SEVERITIES])
    difference = ours.mean(axis=0) - theirs.mean(axis=0)
    noise = 3 * difference.std(ddof=1) / len(difference) ** 0.5
    assert abs(difference.mean()) <= noise + LARGE.get(name, 0.0), (difference.mean(), noise)
