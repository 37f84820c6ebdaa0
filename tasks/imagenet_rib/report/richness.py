"""How rich the data are that a model was pre-trained on, as its settings say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BY_TAG = (
    (2, "image-text pairs", ("laion", "openai", "datacomp", "dfn", "metaclip", "webli")),
    (1, "ImageNet-21K or -12K", ("in21k", "in22k", "in12k")),
    (0, "ImageNet-1K", ("in1k", "imagenet1k")),
)
"""Level, what it is, and words of weights' tags; the first found counts: ``laion2b_ft_in1k`` is level 2."""


@dataclass(frozen=True)
class Origin:
    """What a model's pre-training can be compared by.

    Attributes:
        architecture: models of the same one differ in the pre-training alone.
        level: of the data's richness; only the order counts.
        data: what that level is.
    """

    architecture: str
    level: int
    data: str


def origins(settings: Mapping[str, Any]) -> dict[str, Origin]:
    """Return the origin of each model of a suite, without those that the settings do not tell.

    From scratch, augmentation decides. Of published weights it is the tag; transformers of CLIP and MIIL
    count as the architecture of their size.

    Args:
        settings: of the suite, as JSON.
    """
    found = {}
    for name, architecture in settings["architectures"].items():
        for pretraining in architecture["pretrainings"] or settings["pretrainings"]:
            origin = _origin(name, architecture["name"], settings["pretrainings"][pretraining])
            if origin is not None:
                found[f"{name}-{pretraining}"] = origin
    return found


def _origin(key: str, timm_name: str, pretraining: Mapping[str, Any]) -> Origin | None:
    if "augmentation" in pretraining:
        rich = pretraining["augmentation"] == "rich"
        return Origin(key, int(rich), f"{pretraining['augmentation']} augmentation")
    stem, _, tag = timm_name.partition(".")
    tag = (pretraining["tag"] or tag).lower()
    for level, data, words in _BY_TAG:
        if any(word in tag for word in words):
            return Origin(stem.replace("_clip", "").removesuffix("_miil"), level, data)
    return None
