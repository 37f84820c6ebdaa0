"""Which of open_clip's models have the text towers of timm's image towers."""

from collections.abc import Mapping

TRAINED_WITH: Mapping[tuple[str, str], tuple[str, str]] = {
    ("vit_base_patch32_clip", "laion2b"): ("ViT-B-32", "laion2b_s34b_b79k"),
    ("vit_base_patch16_clip", "laion2b"): ("ViT-B-16", "laion2b_s34b_b88k"),
    ("vit_large_patch14_clip", "laion2b"): ("ViT-L-14", "laion2b_s32b_b82k"),
    ("vit_huge_patch14_clip", "laion2b"): ("ViT-H-14", "laion2b_s32b_b79k"),
    ("vit_base_patch32_clip", "openai"): ("ViT-B-32-quickgelu", "openai"),
    ("vit_base_patch16_clip", "openai"): ("ViT-B-16-quickgelu", "openai"),
    ("vit_large_patch14_clip", "openai"): ("ViT-L-14-quickgelu", "openai"),
    ("vit_base_patch32_clip", "datacompxl"): ("ViT-B-32", "datacomp_xl_s13b_b90k"),
    ("vit_base_patch16_clip", "datacompxl"): ("ViT-B-16", "datacomp_xl_s13b_b90k"),
    ("vit_large_patch14_clip", "datacompxl"): ("ViT-L-14", "datacomp_xl_s13b_b90k"),
}
"""Beginnings of timm's name and of its tag -> open_clip's name and tag of the same weights."""


def trained_with(architecture: str) -> tuple[str, str] | None:
    """Return open_clip's name and tag of the weights that an image tower is from; None if it isn't known.

    Args:
        architecture: timm's name with its tag. A tag such as ``laion2b_ft_in1k``, of weights that were
            fine-tuned later, counts as what they are from.

    Example:
        >>> trained_with("vit_base_patch32_clip_224.laion2b_ft_in1k")
        ('ViT-B-32', 'laion2b_s34b_b79k')
    """
    name, _, tag = architecture.partition(".")
    fitting = (
        found
        for (tower, training), found in TRAINED_WITH.items()
        if name.startswith(tower) and tag.startswith(training)
    )
    return next(fitting, None)
