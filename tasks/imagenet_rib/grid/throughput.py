"""How fast the published models train and answer: measured figures, on which estimates of cost rest.

Source: timm's own benchmark, results/benchmark-{train,infer}-amp-nhwc-pt112-cu113-rtx3090.csv: one RTX 3090,
mixed precision, channels last, PyTorch 1.12, the largest batch that fits. They were not measured with this
code: reading and decoding images isn't in them, and newer cards are several times as fast. Replace the table
by your own cluster's figures for a closer estimate. CLIP's towers are taken to be as fast as the plain ViTs
of their size.
"""

from dataclasses import dataclass

HARDWARE = "one RTX 3090 in mixed precision (timm's benchmark)"

DECODED = {"pil": 312.0, "torchvision": 870.0}
"""JPEG images of 500 x 375 px that a processor core decodes, resizes and crops in a second, by reader;
measured on one core of an AMD EPYC."""


@dataclass(frozen=True)
class Throughput:
    """What a model costs.

    Attributes:
        parameters: millions.
        train: images per second, forward, backward and optimiser step.
        infer: images per second.
    """

    parameters: float
    train: float
    infer: float


MEASURED = {
    "vit_small_patch16_224": Throughput(22.05, 1057.92, 3005.65),
    "vit_small_patch32_224": Throughput(22.88, 4445.76, 12913.76),
    "vit_base_patch16_224": Throughput(86.57, 392.99, 1133.45),
    "vit_base_patch32_224": Throughput(88.22, 1708.63, 4923.14),
    "vit_large_patch16_224": Throughput(304.33, 117.20, 370.72),
    "vit_large_patch14_224": Throughput(304.20, 85.06, 271.58),
    "resnet18": Throughput(11.69, 3481.78, 11023.60),
    "resnet34": Throughput(21.80, 2036.51, 6404.45),
    "resnet50": Throughput(25.56, 1218.01, 3676.35),
    "resnet101": Throughput(44.55, 747.89, 2246.09),
    "resnet152": Throughput(60.19, 501.44, 1571.71),
    "tf_efficientnet_lite0": Throughput(4.65, 2134.89, 8115.07),
}


def throughput_of(name: str) -> Throughput | None:
    """Return what a timm model costs at 224 pixels, by its name with or without a tag; None if unknown."""
    return MEASURED.get(name.partition(".")[0].replace("_clip_", "_").removesuffix("_miil"))
