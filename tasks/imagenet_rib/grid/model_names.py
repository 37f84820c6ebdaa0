"""Names of models, checked when a grid is planned and not only where the first cell builds one."""

FAMILIAR = frozenset(
    {
        "vit_tiny_patch16_224",
        "resnet18",
        "tf_efficientnet_lite0.in1k",
        "vit_small_patch16_224.augreg_in1k",
        "vit_small_patch16_224.augreg_in21k_ft_in1k",
        "vit_small_patch32_224.augreg_in21k_ft_in1k",
        "vit_base_patch16_224.augreg_in1k",
        "vit_base_patch16_224.augreg_in21k_ft_in1k",
        "vit_base_patch16_224.orig_in21k_ft_in1k",
        "vit_base_patch16_224.sam_in1k",
        "vit_base_patch32_224.augreg_in1k",
        "vit_base_patch32_224.augreg_in21k_ft_in1k",
        "vit_large_patch16_224.augreg_in21k_ft_in1k",
        "vit_base_patch16_clip_224.laion2b_ft_in1k",
        "vit_base_patch16_clip_224.openai_ft_in1k",
        "vit_base_patch32_clip_224.laion2b_ft_in1k",
        "vit_base_patch32_clip_224.openai_ft_in1k",
        "vit_large_patch14_clip_224.laion2b_ft_in1k",
        "vit_large_patch14_clip_224.openai_ft_in1k",
        "resnet18.tv_in1k",
        "resnet34.tv_in1k",
        "resnet50.tv_in1k",
        "resnet101.tv_in1k",
        "resnet152.tv_in1k",
        "resnet50.tv2_in1k",
        "resnet101.tv2_in1k",
        "resnet152.tv2_in1k",
        "vit_base_patch16_224_miil.in21k_ft_in1k",
    }
)
"""Those of the suites here, all for 224 pixels: timm, which takes seconds to import, is not asked for them
each time."""


def check_name(name: str) -> None:
    """Make sure that timm knows a model, and has the weights that a tag after a dot names.

    Raises:
        UserError: it doesn't; names the nearest.
    """
    if name not in FAMILIAR:
        from imagenet_rib.learning.models import check_known

        check_known(name)


def published_sizes(name: str) -> tuple[int, ...]:
    """Return the sides in pixels of the images that timm's weights are for: in training, and in tests."""
    if name in FAMILIAR:
        return (224,)
    import timm

    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if known is None:
        return ()
    return tuple(dict.fromkeys(one[-1] for one in (known.input_size, known.test_input_size) if one))


def size_said(model: str, size: int, *expected: int | None) -> tuple[str, ...]:
    """Say that a model is given images of another size than its weights are for, where it is.

    Args:
        model: its name in the suite.
        size: side of its images, pixels.
        expected: sides of the images that its weights are for; none where nobody knows.

    Example:
        >>> size_said("vit-in21k", 224, 224, 288)
        ()
    """
    known = [one for one in expected if one is not None]
    if not known or size in known:
        return ()
    sizes = " or ".join(map(str, known))
    return (
        f"{model}: images of {size} px are given to weights that are for {sizes} px: its pre-training's "
        "'input_size' sets it",
    )
