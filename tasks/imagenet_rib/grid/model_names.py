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
"""Those of the suites here: timm, which takes seconds to import, need not be asked for them each time."""


def check_name(name: str) -> None:
    """Make sure that timm knows a model, and has the weights that a tag after a dot names.

    Raises:
        UserError: it doesn't; names the nearest.
    """
    if name not in FAMILIAR:
        from imagenet_rib.learning.models import check_known

        check_known(name)
