"""The 1,000 ImageNet classes: order, names, and the subsets that ImageNet-A and ImageNet-R cover.

Facts of the published sets, kept in a small text file so that reading data needs no model library; the tests
compare it with timm's.
"""

from functools import cache
from pathlib import Path
from typing import Literal

_TABLE = Path(__file__).with_name("imagenet_classes.tsv")


@cache
def _rows() -> tuple[tuple[str, str, str], ...]:
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return tuple((wnid, subsets, names) for wnid, subsets, names in rows)


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """Return the 1,000 WordNet ids, e.g. ``n01440764``; position = label, as in every ImageNet classifier.

    Example:
        >>> imagenet_wnids()[0]
        'n01440764'
    """
    return tuple(wnid for wnid, _, _ in _rows())


@cache
def imagenet_names() -> tuple[str, ...]:
    """Return each class's names as one text, e.g. ``"tench, Tinca tinca"``; ``"crane"`` occurs twice.

    Example:
        >>> imagenet_names()[0]
        'tench, Tinca tinca'
    """
    return tuple(names for _, _, names in _rows())


@cache
def imagenet_subset(name: Literal["a", "r"]) -> tuple[int, ...]:
    """Return the labels of the 200 classes of ImageNet-A (``"a"``) or ImageNet-R (``"r"``), ascending.

    Source: Hendrycks et al., "Natural Adversarial Examples", 2021; "The Many Faces of Robustness", 2021.
    """
    return tuple(label for label, (_, subsets, _) in enumerate(_rows()) if name in subsets)


@cache
def label_of_wnid() -> dict[str, int]:
    """Return the label of each WordNet id."""
    return {wnid: label for label, wnid in enumerate(imagenet_wnids())}
