"""Tiny copies of the published data sets, true to their formats, and what each image's class and group are.

Labels come from timm's list of classes or from what the formats' own documents say, not from the code under
test.
"""

import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from timm.data import ImageNetInfo

WNIDS = ImageNetInfo("imagenet-1k").label_names()

# Some classes of each 200-class subset, as those data sets' own lists have them.
A_WNIDS = ("n01498041", "n01531178", "n01534433", "n12267677")
R_WNIDS = ("n01443537", "n01484850", "n01494475", "n12267677")
CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur"),
    *("zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate"),
    "jpeg_compression",
)


@dataclass(frozen=True)
class Truth:
    """What an image should be read as: its pixels, its label, its group."""

    pixels: bytes
    label: int
    group: str | None = None


@dataclass(frozen=True)
class Published:
    """A set on disk: its folder and the truth about each of its files that should be imported."""

    root: Path
    truth: dict[str, Truth]


class _Maker:
    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.truth = root, {}
        self._rng = np.random.default_rng(seed)

    def image(self, name: str, label: int | None, group: str | None = None, border: int = 0) -> None:
        """Write an image of random size; label None: it should not be imported."""
        height, width = self._rng.integers(32, 65, 2)
        coarse = self._rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        pixels = np.array(Image.fromarray(coarse).resize((width, height)))
        if border:
            for edge in (np.s_[:border], np.s_[-border:], np.s_[:, :border], np.s_[:, -border:]):
                pixels[edge] = (255, 0, 0)
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file, "PNG" if file.suffix == ".png" else "JPEG")
        if label is not None:
            with Image.open(file) as opened:
                decoded = np.asarray(opened.convert("RGB"))
            inner = decoded[border : decoded.shape[0] - border, border : decoded.shape[1] - border]
            self.truth[f"{self.root.name}/{name}"] = Truth(inner.tobytes(), label, group)

    def text(self, name: str, content: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def done(self) -> Published:
        return Published(self.root, self.truth)


def v2(tmp: Path, count: int = 3) -> Published:
    maker = _Maker(tmp / "imagenetv2-matched-frequency-format-val", 1)
    for label in (0, 1, 2, 9, 10, 11, 99, 100, 999):
        for number in range(count):
            maker.image(f"{label}/{number:x}f0c4d1e.jpeg", label)
    return maker.done()


def _by_wnid(root: Path, wnids, name: str, seed: int, count: int) -> Published:
    maker = _Maker(root, seed)
    for wnid in wnids:
        for number in range(count):
            maker.image(f"{wnid}/{name.format(number, wnid)}", WNIDS.index(wnid))
    return maker.done()


def a(tmp: Path, count: int = 3) -> Published:
    made = _by_wnid(tmp / "imagenet-a", A_WNIDS, "0.00{}_digital clock _ hand blower_0.9.jpg", 2, count)
    (made.root / "README.txt").write_text("n01498041 stingray\n")
    return made


def r(tmp: Path, count: int = 3) -> Published:
    made = _by_wnid(tmp / "imagenet-r", R_WNIDS, "art_{}.jpg", 3, count)
    (made.root / "README.txt").write_text("n01443537 goldfish\n")
    return made


def sketch(tmp: Path, count: int = 3) -> Published:
    return _by_wnid(tmp / "sketch", WNIDS[::250], "sketch_{}.JPEG", 4, count)


def cartoon(tmp: Path, count: int = 3) -> Published:
    return _by_wnid(tmp / "imagenet-cartoon", WNIDS[::300], "ILSVRC2012_val_0000{}.JPEG", 5, count)


def drawing(tmp: Path, count: int = 3) -> Published:
    return _by_wnid(tmp / "imagenet-drawing", WNIDS[::200], "ILSVRC2012_val_0000{}.JPEG", 6, count)


def val(tmp: Path, count: int = 3) -> Published:
    return _by_wnid(tmp / "val", WNIDS[::100], "ILSVRC2012_val_0000{}.JPEG", 7, count)


def pretrain(tmp: Path, count: int = 3) -> Published:
    return _by_wnid(tmp / "train", WNIDS[::200], "{1}_{0}.JPEG", 10, count)


def c(tmp: Path, count: int = 1, classes: int = 3) -> Published:
    maker = _Maker(tmp / "imagenet-c", 8)
    for corruption in (*CORRUPTIONS, "speckle_noise"):
        for severity in range(1, 6):
            for wnid in WNIDS[7:900:400][:classes]:
                for number in range(count):
                    extra = corruption == "speckle_noise"
                    name = f"{corruption}/{severity}/{wnid}/ILSVRC2012_val_0000{number}.JPEG"
                    label = None if extra else WNIDS.index(wnid)
                    maker.image(name, label, f"{corruption}/{severity}")
    return maker.done()


# Of the tables that come with ObjectNet: folder -> its name, and name -> ImageNet's names.
OBJECTNET_FOLDERS = {
    "air_freshener": "Air freshener",
    "alarm_clock": "Alarm clock",
    "banana": "Banana",
    "plunger": "Plunger",
    "tie": "Tie",
}
OBJECTNET_TO_IMAGENET = {
    "Alarm clock": "analog clock; digital clock",
    "Banana": "banana",
    "Plunger": "plunger, plumber's helper",
    "Tie": "bow tie, bow-tie, bowtie; Windsor tie",
    "Wok": "wok",
}
OBJECTNET_LABELS = {"alarm_clock": 409, "banana": 954, "plunger": 731, "tie": 457}


def objectnet(tmp: Path, count: int = 3) -> Published:
    maker = _Maker(tmp / "objectnet-1.0", 9)
    for folder in OBJECTNET_FOLDERS:
        for number in range(count):
            maker.image(f"images/{folder}/{number}ab41.png", OBJECTNET_LABELS.get(folder), border=2)
    maker.text("mappings/folder_to_objectnet_label.json", json.dumps(OBJECTNET_FOLDERS))
    maker.text("mappings/objectnet_to_imagenet_1k.json", json.dumps(OBJECTNET_TO_IMAGENET))
    return maker.done()


SETS = {make.__name__: make for make in (v2, a, r, sketch, objectnet, cartoon, drawing, c, val, pretrain)}
ARCHIVES = ("tar", "tar.gz", "zip")


def packed(published: Published, ending: str, *, root: bool = True) -> Path:
    """Pack a set's folder beside it, with or without the folder's own name in front."""
    path = published.root.with_name(f"{published.root.name}.{ending}")
    files = sorted(file for file in published.root.rglob("*") if file.is_file())
    base = published.root.parent if root else published.root
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(base))
    else:
        with tarfile.open(path, "w:gz" if ending.endswith("gz") else "w") as archive:
            for file in files:
                archive.add(file, file.relative_to(base))
    return path


def pixels(image: bytes) -> bytes:
    """Decode a stored image, as Pillow does."""
    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.convert("RGB")).tobytes()


def seen(samples) -> list[Truth]:
    """Read all samples of an imported or plain set, in their order."""
    read = (samples.read(shard, n) for shard, count in enumerate(samples.counts) for n in range(count))
    return [
        Truth(pixels(one.image), one.label, None if one.group < 0 else samples.groups[one.group])
        for one in read
    ]
