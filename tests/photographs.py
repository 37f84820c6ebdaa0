"""Photographs that packages carry, with ImageNet classes that are plainly in them."""

from pathlib import Path

import numpy as np
from PIL import Image

# ImageNet-1K labels. Several fit some pictures: any of them counts as right.
PHOTOGRAPHS = {
    "china": {698},  # palace
    "flower": {985},  # daisy
    "chelsea": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee": {967, 968, 504, 969},  # espresso, cup, coffee mug, eggnog
    "rocket": {657, 744},  # missile, projectile
    "motorcycle_left": {665, 670},  # moped, motor scooter
    "camera": {872, 759},  # tripod, reflex camera
}


def photograph(name: str) -> Image.Image:
    """Open one by name."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(f"{name}.jpg"))
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    file = next(path for path in folder.iterdir() if path.stem == name and path.suffix in (".png", ".jpg"))
    return Image.open(file).convert("RGB")


def crops(name: str, count: int, side: int, seed: int = 0) -> list[Image.Image]:
    """Cut squares of 70 to 100 % of the shorter side out of a photograph, some mirrored."""
    rng = np.random.default_rng((seed, *name.encode()))
    whole = photograph(name)
    pictures = []
    for number in range(count):
        edge = int(min(whole.size) * rng.uniform(0.7, 1.0))
        left, top = (int(rng.integers(0, length - edge + 1)) for length in whole.size)
        picture = whole.crop((left, top, left + edge, top + edge)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        pictures.append(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 2 else picture)
    return pictures


def write_labelled_folder(root: Path, classes: dict[str, str], count: int, side: int) -> None:
    """Write ``root/<class folder>/*.png`` of the photographs named, ``count`` crops each."""
    for name, folder in classes.items():
        (root / folder).mkdir(parents=True)
        for number, picture in enumerate(crops(name, count, side)):
            picture.save(root / folder / f"{number:03d}.png")
