"""Folders of images and .npz files as people have them, and what every reader makes of each.

The tables in ``platform/gridcell/data/README.md`` are written from these rows: ``python tests/own_data.py``
prints them.
"""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 20


def pixels(number: int, *, grey: bool = False) -> np.ndarray:
    """Return a picture of its own for each number, uint8 (20, 20, 3) or (20, 20)."""
    draws = np.random.default_rng(number)
    return draws.integers(0, 256, (SIDE, SIDE) if grey else (SIDE, SIDE, 3), dtype=np.uint8)


def save(path: Path, number: int, *, grey: bool = False, kind: str | None = None, **options) -> None:
    """Write such a picture; ``kind`` is Pillow's name of the format, by default the ending's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number, grey=grey)).save(path, kind, **options)


def plain(root: Path, classes: int = 2, count: int = 3, ending: str = "png", *, grey: bool = False) -> None:
    """Fill ``root/0``, ``root/1``, ... with pictures."""
    for label in range(classes):
        for number in range(count):
            save(root / str(label) / f"{number}.{ending}", 10 * label + number, grey=grey)


@dataclass(frozen=True)
class FolderRow:
    """One oddity of image folders.

    Attributes:
        oddity: What it is, for the README.
        answer: What every reader makes of it, for the README.
        make: Writes such a folder.
        classes: Classes that are read, where it isn't refused.
        images: Images that are read.
        said: A part of what is said.
        refused: A part of the sentence by which it is refused.
    """

    oddity: str
    answer: str
    make: Callable[[Path], None]
    classes: int = 2
    images: int = 6
    said: str = ""
    refused: str = ""


def _formats(root: Path) -> None:
    plain(root)
    for number, ending in enumerate(("jpg", "JPEG", "webp", "bmp", "tif", "tiff", "ppm", "gif")):
        save(root / "0" / f"more{number}.{ending}", 50 + number)
    save(root / "1" / "more.pgm", 60, grey=True)


def _inks(root: Path) -> None:
    plain(root)
    press = Image.fromarray(np.arange(SIDE * SIDE * 4, dtype=np.uint8).reshape(SIDE, SIDE, 4), "CMYK")
    press.save(root / "0" / "press.jpg")
    press.save(root / "1" / "press.tif")


def _copy(root: Path) -> None:
    plain(root)
    (root / "0" / "copy.png").write_bytes((root / "0" / "0.png").read_bytes())


def _in_two_classes(root: Path) -> None:
    plain(root)
    (root / "1" / "other.png").write_bytes((root / "0" / "0.png").read_bytes())


def _all_webp(root: Path) -> None:
    plain(root)
    for number in range(3):
        save(root / "2" / f"{number}.webp", 20 + number)


def _other_bytes(root: Path) -> None:
    plain(root)
    for number, kind in enumerate(("GIF", "WEBP", "BMP", "PNG")):
        save(root / "0" / f"{kind}.jpg", 50 + number, kind=kind)


def _no_ending(root: Path) -> None:
    plain(root)
    save(root / "0" / "photo", 50, kind="JPEG")


def _backup(root: Path) -> None:
    plain(root)
    save(root / "0" / "0.png.bak", 50, kind="PNG")
    save(root / "1" / "photo.jfif", 51, kind="JPEG")


def _other_files(root: Path) -> None:
    plain(root)
    (root / "labels.csv").write_text("file,label\n")
    (root / "0" / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (root / "0" / "BMwinners.txt").write_text("BMW and others")


def _only_heic(root: Path) -> None:
    plain(root)
    (root / "2").mkdir()
    for number in range(9):
        (root / "2" / f"{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")


def _hidden(root: Path) -> None:
    plain(root)
    (root / "0" / "._0.png").write_bytes(b"\0\5\x16\7")
    (root / ".DS_Store").write_bytes(b"\0")
    (root / "1" / "Thumbs.db").write_bytes(b"\0")
    save(root / "__MACOSX" / "0" / "0.png", 50)
    save(root / "0" / "@eaDir" / "0.png", 50)


def _empty_class(root: Path) -> None:
    plain(root)
    (root / "2").mkdir()


def _in_root(root: Path) -> None:
    plain(root)
    save(root / "cover.png", 50)


def _flat(root: Path) -> None:
    for number in range(3):
        save(root / f"{number}.png", number)


def _splits(root: Path) -> None:
    plain(root / "train")
    plain(root / "test")


def _deeper(root: Path) -> None:
    plain(root)
    save(root / "0" / "more" / "1.png", 50)


def _links(root: Path) -> None:
    plain(root.parent / "elsewhere", 3)
    root.mkdir()
    for label in range(2):
        (root / str(label)).symlink_to(root.parent / "elsewhere" / str(label))
    (root / "0" / "linked.png").symlink_to(root.parent / "elsewhere" / "2" / "0.png")


def _loop(root: Path) -> None:
    plain(root)
    (root / "0" / "again").symlink_to(root / "0")
    (root / "1" / "top").symlink_to(root)
    (root / "2").symlink_to(root.parent)


def _twice(root: Path) -> None:
    plain(root)
    (root / "2").symlink_to(root / "0")


def _broken_link(root: Path) -> None:
    plain(root)
    (root / "0" / "moved.png").symlink_to(root / "nowhere.png")


def _fifo(root: Path) -> None:
    plain(root)
    os.mkfifo(root / "0" / "pipe")


def _truncated(root: Path) -> None:
    plain(root)
    path = root / "1" / "2.png"
    path.write_bytes(path.read_bytes()[:-400])


def _empty_file(root: Path) -> None:
    plain(root)
    (root / "1" / "2.jpg").write_bytes(b"")


def _text_named_png(root: Path) -> None:
    plain(root)
    (root / "1" / "2.png").write_text("404 not found")


def _deep_grey(root: Path) -> None:
    for label in range(2):
        for number in range(3):
            (root / str(label)).mkdir(parents=True, exist_ok=True)
            deep = pixels(10 * label + number, grey=True).astype(np.uint16) * 257
            Image.fromarray(deep).save(root / str(label) / f"{number}.png")


def _some_deep(root: Path) -> None:
    plain(root, grey=True)
    Image.fromarray(pixels(0, grey=True).astype(np.uint16) * 257).save(root / "0" / "0.png")


def _deep_colour(root: Path) -> None:
    import cv2

    plain(root)
    deep = np.random.default_rng(5).integers(0, 1 << 16, (SIDE, SIDE, 3)).astype(np.uint16)
    for number, ending in enumerate(("png", "tif", "ppm")):
        cv2.imwrite(str(root / "0" / f"deep.{ending}"), deep + np.uint16(number))


def _inverse(root: Path) -> None:
    plain(root, grey=True)
    path = root / "1" / "scan.tif"
    Image.fromarray(pixels(0, grey=True).astype(np.uint16) * 257).save(path)
    meaning = b"\x06\x01\x03\x00\x01\x00\x00\x00"  # PhotometricInterpretation, one short number
    content = path.read_bytes()
    assert meaning + b"\x01" in content
    path.write_bytes(content.replace(meaning + b"\x01", meaning + b"\x00"))


def _odd_names(root: Path) -> None:
    plain(root)
    content = (root / "0" / "0.png").read_bytes()
    (root / "0" / os.fsdecode(b"caf\xe9.png")).write_bytes(content)
    (root / "1" / "two\nlines.png").write_bytes(content + b"\0")


def _floats(root: Path) -> None:
    plain(root)
    Image.fromarray(np.full((SIDE, SIDE), 0.5, np.float32)).save(root / "0" / "0.tif")


def _turned(root: Path) -> None:
    plain(root)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "0" / "phone.jpg", 50, exif=exif)


def _transparent(root: Path) -> None:
    plain(root)
    drawn = np.dstack([pixels(50), np.zeros((SIDE, SIDE), np.uint8)])
    Image.fromarray(drawn).save(root / "0" / "drawn.png")


def _grey_and_colour(root: Path) -> None:
    plain(root)
    save(root / "0" / "0.png", 0, grey=True)


def _frames(root: Path) -> None:
    plain(root)
    first, second = (Image.fromarray(pixels(number)) for number in (50, 51))
    first.save(root / "0" / "film.gif", save_all=True, append_images=[second])


def _sizes(root: Path) -> None:
    plain(root)
    Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(root / "0" / "0.png")


def _same_name(root: Path) -> None:
    plain(root, 1)
    for form in ("NFC", "NFD"):
        save(root / unicodedata.normalize(form, "é") / "0.png", 50)


FOLDERS = (
    FolderRow("nothing odd: `<class>/<image>`", "read; classes and files in the order of their names", plain),
    FolderRow(
        "jpg, jpeg, png, webp, bmp, tif, tiff, ppm, pgm, gif, in upper or lower case",
        "read",
        _formats,
        2,
        15,
    ),
    FolderRow("a class of one such format alone", "read", _all_webp, 3, 9),
    FolderRow(
        "a name that claims another format, as a GIF called `.jpg`",
        "read as what the bytes are",
        _other_bytes,
        2,
        10,
    ),
    FolderRow("an image without an ending", "read as what the bytes are", _no_ending, 2, 7),
    FolderRow(
        "an image with the ending of another file (`.png.bak`, `.jfif`)",
        "read as what the bytes are, counted by ending",
        _backup,
        2,
        8,
        said="2 images read in spite of the ending (.bak 1, .jfif 1)",
    ),
    FolderRow(
        "files of other formats (`.heic`, `.csv`, `.txt`)",
        "left out and counted by ending",
        _other_files,
        said="3 files of other formats (.csv 1, .heic 1, .txt 1) left out",
    ),
    FolderRow(
        "a class whose files are all of other formats",
        "files and empty class left out and counted",
        _only_heic,
        said="9 files of other formats (.heic 9), 1 empty class (2) left out",
    ),
    FolderRow("an empty class folder", "left out and named", _empty_class, said="1 empty class (2) left out"),
    FolderRow(
        "hidden and system files (`._x.jpg`, `.DS_Store`, `Thumbs.db`, `__MACOSX`, `@eaDir`)",
        "left out and counted",
        _hidden,
        said="5 hidden or system files left out",
    ),
    FolderRow(
        "images beside the class folders",
        "left out and counted",
        _in_root,
        said="1 image outside the class folders left out",
    ),
    FolderRow("images, but no class folders", "refused", _flat, refused="no class folders"),
    FolderRow(
        "splits: `train/<class>`, `test/<class>`",
        "refused: name one of them",
        _splits,
        refused="name that folder",
    ),
    FolderRow(
        "a folder with images in a class folder",
        "refused: its class is unclear",
        _deeper,
        refused="lies deeper",
    ),
    FolderRow("links to folders and to images", "followed", _links, 2, 7),
    FolderRow(
        "a link to a folder that it lies in",
        "not followed, counted",
        _loop,
        said="3 links back to a folder above left out",
    ),
    FolderRow(
        "one folder under two names",
        "refused: its images would be read twice",
        _twice,
        refused="one folder under two names",
    ),
    FolderRow(
        "a link that leads nowhere, named as an image", "refused", _broken_link, refused="leads to no file"
    ),
    FolderRow(
        "pipes, sockets, other broken links",
        "left out and counted",
        _fifo,
        said="1 broken link or special file left out",
    ),
    FolderRow("a truncated image", "refused when it is decoded", _truncated, refused="can't be read"),
    FolderRow("an empty file called `.jpg`", "refused", _empty_file, refused="it is empty"),
    FolderRow("a text called `.png`", "refused", _text_named_png, refused="of no format that is read"),
    FolderRow(
        "grey images alone", "one channel; RGB where the task needs it", lambda root: plain(root, grey=True)
    ),
    FolderRow(
        "grey images of 16 bits alone", "16 bits, never clipped; 8 where the task needs it", _deep_grey
    ),
    FolderRow(
        "some images of 16 bits",
        "brought to 8 bits and counted",
        _some_deep,
        said="1 image of 16 bits brought to 8",
    ),
    FolderRow(
        "16 bits in colour (PNG, TIFF, PPM)",
        "brought to 8 bits and counted",
        _deep_colour,
        2,
        9,
        "3 images of 16 bits brought to 8",
    ),
    FolderRow(
        "grey TIFF of 16 bits whose 0 is white; of 12 bits",
        "refused: save it anew",
        _inverse,
        refused="its 0 is white",
    ),
    FolderRow("grey among colour", "RGB, counted", _grey_and_colour, said="1 image in grey read as RGB"),
    FolderRow("32-bit numbers (TIFF)", "refused: they have no scale", _floats, refused="without a scale"),
    FolderRow(
        "EXIF orientation",
        "turned upright and counted (published sets are not)",
        _turned,
        2,
        7,
        "1 image turned upright by EXIF",
    ),
    FolderRow(
        "transparency",
        "drawn on white and counted (published sets: left out)",
        _transparent,
        2,
        7,
        "1 image with transparency drawn on white",
    ),
    FolderRow(
        "several frames",
        "the first is read, counted",
        _frames,
        2,
        7,
        "1 image of several frames, of which the first is read",
    ),
    FolderRow(
        "CMYK",
        "RGB by Pillow's rule, without a profile; counted",
        _inks,
        2,
        8,
        "2 images in CMYK or Lab read as RGB",
    ),
    FolderRow(
        "the same bytes twice in a class",
        "read, counted",
        _copy,
        2,
        7,
        "1 image is a copy of another (0/copy.png of 0/0.png)",
    ),
    FolderRow(
        "the same bytes in two classes",
        "read, counted",
        _in_two_classes,
        2,
        7,
        "1 image lies in several classes (0/0.png, 1/other.png)",
    ),
    FolderRow(
        "a file name with a line end, or that is no text",
        "read; written with escapes",
        _odd_names,
        2,
        8,
        r"(0/caf\xe9.png of 0/0.png)",
    ),
    FolderRow("images of several sizes, and no size set", "refused", _sizes, refused="7 x 9 px"),
    FolderRow(
        "two class folders of one name, written in two ways (é)",
        "refused",
        _same_name,
        refused="both read 'é'",
    ),
)


@dataclass(frozen=True)
class ArrayRow:
    """One oddity of .npz files.

    Attributes:
        oddity: What it is, for the README.
        answer: What every reader makes of it, for the README.
        arrays: Returns what is in the file.
        features: Numbers of a point.
        classes: Classes that are read; 0: numbers.
        said: A part of what is said.
        refused: A part of the sentence by which it is refused.
        target: What the setting says.
        told_by_task: Whether a task that takes classes alone doesn't refuse it.
    """

    oddity: str
    answer: str
    arrays: Callable[[], dict[str, np.ndarray]]
    features: int = 4
    classes: int = 3
    said: str = ""
    refused: str = ""
    target: str | None = None
    told_by_task: bool = False


N = 12
_DRAWS = np.random.default_rng(1)
_X, _Y = _DRAWS.random((N, 4)), np.arange(N) % 3
_GREY = _DRAWS.integers(0, 256, (N, 6, 5), dtype=np.uint8)
_RGB = _DRAWS.integers(0, 256, (N, 6, 5, 3), dtype=np.uint8)


def _with(x: np.ndarray = _X, y: np.ndarray = _Y, **more: np.ndarray) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: {"x": x, "y": y, **more}


ARRAYS = (
    ArrayRow("`x` and `y`", "read", _with()),
    *(
        ArrayRow(f"`{x}` and `{y}`", "read", lambda x=x, y=y: {x: _X, y: _Y})
        for x, y in (
            ("points", "labels"),
            ("X", "Y"),
            ("data", "target"),
            ("images", "label"),
            ("inputs", "targets"),
            ("features", "y"),
        )
    ),
    ArrayRow(
        "`arr_0` and `arr_1` (`np.savez(file, points, labels)`)", "read", lambda: {"arr_0": _X, "arr_1": _Y}
    ),
    ArrayRow(
        "`arr_0` and `arr_1`, the labels first, or points twice before them",
        "refused: name them",
        lambda: {"arr_0": _Y, "arr_1": _X},
        refused="arr_0 looks like labels",
    ),
    ArrayRow(
        "`x_train`, `y_train`, `x_test`, `y_test`",
        "the training part is read, the rest left out and named",
        lambda: {"x_train": _X, "y_train": _Y, "x_test": _X, "y_test": _Y},
        said="x_test, y_test left out",
    ),
    ArrayRow(
        "`train_images`, `train_labels`, `val_images`, ... (medmnist)",
        "the training part is read, the rest left out and named",
        lambda: {
            "train_images": _GREY,
            "train_labels": _Y[:, None].astype(np.uint8),
            "val_images": _GREY,
            "val_labels": _Y[:, None],
        },
        30,
        said="val_images, val_labels left out",
    ),
    ArrayRow(
        "two arrays that may be the points",
        "refused",
        _with(images=_GREY),
        refused="x and images, each of which may be the points",
    ),
    ArrayRow(
        "no array of a known name",
        "refused, with the names that are known",
        lambda: {"a": _X, "y": _Y},
        refused="no array of points",
    ),
    ArrayRow("integer, bool or unsigned labels (n,)", "classes", _with(y=_Y.astype(np.uint8))),
    ArrayRow("such labels (n, 1)", "classes", _with(y=_Y[:, None])),
    ArrayRow(
        "text labels",
        "classes in the order of the alphabet",
        _with(y=np.array(["ant", "bee", "cat"])[_Y]),
        said="read as 3 classes",
    ),
    ArrayRow(
        "one-hot labels (n, k)", "classes", _with(y=np.eye(3)[_Y]), said="one-hot labels are read as classes"
    ),
    ArrayRow(
        "one-hot labels with a column of no point",
        "classes without it, said",
        _with(y=np.eye(5)[_Y]),
        said="2 of their 5 columns left out",
    ),
    ArrayRow(
        "whole numbers of a floating type",
        "refused unless `target` says what they are; "
        "where only classes make sense (generalization-difficulty), classes, said",
        _with(y=_Y.astype(float)),
        refused="so they may be classes or numbers: set",
        told_by_task=True,
    ),
    ArrayRow(
        "the same with `target: classes`",
        "classes",
        _with(y=_Y.astype(float)),
        target="classes",
        said="read as 3 classes",
    ),
    ArrayRow(
        "fractional labels",
        "numbers; a task that measures classes refuses them",
        _with(y=_Y + 0.5),
        classes=0,
    ),
    ArrayRow(
        "labels that are NaN or infinite",
        "refused",
        _with(y=np.where(_Y == 0, np.nan, _Y)),
        refused="not finite",
    ),
    ArrayRow(
        "Python objects", "refused", _with(y=np.array([{}] * N)), refused="can't be read as arrays of numbers"
    ),
    ArrayRow("complex numbers, dates, records", "refused", _with(x=_X + 1j), refused="must be real numbers"),
    ArrayRow("no points", "refused", _with(x=_X[:0], y=_Y[:0]), refused="holds no points"),
    ArrayRow("more labels than points", "refused", _with(y=np.arange(N + 1) % 3), refused="equally many"),
    ArrayRow("points (n,)", "one number each", _with(x=_X[:, 0]), 1),
    ArrayRow(
        "points (n, H, W)", "pictures of one channel", _with(x=_GREY), 30, said="pictures of one channel"
    ),
    ArrayRow(
        "points (n, H, W, 1 or 3)",
        "pictures whose colours come last",
        _with(x=_RGB),
        90,
        said="colours come last",
    ),
    ArrayRow(
        "points (n, 1 or 3, H, W)", "pictures whose colours come first", _with(x=np.moveaxis(_RGB, -1, 1)), 90
    ),
    *(
        ArrayRow(
            f"points {shape}", "refused: colours may be first or last", _with(x=x), refused="first or last"
        )
        for shape, x in (
            ("(n, 3, W, 3)", _RGB[:, :3]),
            ("(n, 1, W, 3)", _RGB[:, :1]),
            ("(n, 1 or 3, W, 1)", _RGB[:, :3, :, :1]),
        )
    ),
    ArrayRow(
        "points (n, c, H, W), c less than H and W",
        "pictures of c channels, said",
        _with(x=np.moveaxis(_RGB[..., :2], -1, 1)),
        60,
        said="pictures of 2 channels",
    ),
    ArrayRow(
        "points (n, H, W, c), c other than 1 and 3",
        "refused: channels may be first or last",
        _with(x=_RGB[..., :2]),
        refused="channels first or last",
    ),
    ArrayRow(
        "points (n, 4, H, W)",
        "refused: RGBA, or something else",
        _with(x=np.moveaxis(np.concatenate([_RGB, _RGB[..., :1]], axis=3), -1, 1)),
        refused="RGBA",
    ),
    ArrayRow(
        "points (n, H, W, 4)",
        "refused: RGBA, or something else",
        _with(x=np.concatenate([_RGB, _RGB[..., :1]], axis=3)),
        refused="RGBA",
    ),
    ArrayRow("uint8", "0..255 is [0, 1], said", _with(x=_GREY.reshape(N, -1)), 30, said="255 is 1"),
    ArrayRow(
        "pictures of other integer types",
        "as they are, said",
        _with(x=_GREY.astype(np.int16)),
        30,
        said="as they are",
    ),
    ArrayRow("float16, bool, other byte orders", "read", _with(x=_X.astype(">f2"), y=_Y.astype(">u2"))),
)


def table(rows: tuple[FolderRow, ...] | tuple[ArrayRow, ...], head: str) -> str:
    """Return the rows as a table for the README."""
    lines = [f"| {head} | every reader |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {row.oddity} | {row.answer} |" for row in rows)])


if __name__ == "__main__":
    print(table(FOLDERS, "image folder"), table(ARRAYS, ".npz file"), sep="\n\n")  # noqa: T201
