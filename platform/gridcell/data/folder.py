"""Image folders: plain ones, and suites of derived sets with a manifest."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Bytes
from gridcell.errors import CorruptData, UserError, unknown

MANIFEST = "manifest.json"
_FORMAT = "gridcell-suite"
_VERSION = 1
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def read_folder(
    root: str | Path,
    size: int | None = None,
    class_names: Sequence[str] | None = None,
    *,
    partial: bool = False,
) -> LabelledImages:
    """Read ``root/<class name>/*.png|jpg``, classes and files in the order of their names.

    Args:
        root: The folder; its name becomes the set's.
        size: Side in px to which images are brought: shorter side resized bicubically, then the centre cut
            out. None: leave them; they must be of one size then.
        class_names: The label space, in the order of the labels. None: the names of the sub-folders, sorted.
        partial: Whether folders of ``class_names`` may be missing; the set then covers the classes it has.

    Raises:
        UserError: No such folder; a class missing, empty or unknown; images of different sizes; or an image
            that can't be read (named in the message).
    """
    folder = Path(root)
    if not folder.is_dir():
        raise UserError(f"There is no image folder {folder}")
    found = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise UserError(
            f"{folder} has no class folders; images are expected as {folder}/<class name>/<any>.png"
        )
    names = tuple(found if class_names is None else class_names)
    stray = [name for name in found if name not in names]
    if stray:
        raise unknown(f"class folder in {folder}", stray[0], names)
    missing = [name for name in names if name not in found]
    if missing and not partial:
        raise UserError(f"{folder} has no folder for class '{missing[0]}'")
    images: list[Bytes] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        if name not in found:
            continue
        files = sorted(file for file in (folder / name).iterdir() if file.suffix.lower() in _SUFFIXES)
        if not files:
            raise UserError(f"{folder} has no image of class '{name}'")
        for file in files:
            image = _read_image(file, size)
            if images and image.shape != images[0].shape:
                raise UserError(
                    f"{file} is {image.shape[:2]} px, others are {images[0].shape[:2]}; give a size"
                )
            images.append(image)
            labels.append(label)
    return LabelledImages(
        name=folder.name,
        images=np.stack(images),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple(sorted(set(labels))),
        class_names=names,
    )


def _read_image(file: Path, size: int | None) -> Bytes:
    from PIL import Image

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"Image {file} can't be read: {error}") from error
    if size is not None:
        scale = size / min(image.size)
        width, height = (max(size, round(length * scale)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)


def content_digest(labelled: LabelledImages) -> str:
    """Return the SHA-256 of what a set holds: pixels, labels, class names and groups, but not its own name."""
    digest = hashlib.sha256()
    about = [labelled.images.shape, labelled.classes, labelled.class_names, labelled.groups]
    digest.update(json.dumps(about).encode())
    digest.update(np.ascontiguousarray(labelled.images).tobytes())
    digest.update(labelled.labels.astype("<i8").tobytes())
    if labelled.group_of is not None:
        digest.update(labelled.group_of.astype("<i8").tobytes())
    return digest.hexdigest()


def require_own_folder(root: str | Path) -> None:
    """Raise UserError if ``root`` holds anything but a suite that was written here before."""
    folder = Path(root)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        _load_manifest(folder)
    except (CorruptData, UserError) as error:
        raise UserError(
            f"{folder} is not empty and holds no suite of gridcell; choose another folder"
        ) from error


def write_suite(
    root: str | Path, sets: Mapping[str, LabelledImages], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Write ``root/<set>/<class>/<index>.png`` and ``manifest.json``, all or nothing.

    Everything goes to a temporary folder beside ``root`` that is renamed at the end.

    Args:
        root: Absent, empty, or a suite written before, which is replaced.
        sets: Sets of one label space by name.
        manifest: What to record about how they were made, e.g. the seed; stored under ``"how"``.

    Returns:
        The manifest as written: ``format``, ``version``, ``class_names``, ``how`` and, per set, ``images``,
        ``classes``, ``images_per_class``, ``sha256`` and ``groups`` (positions by group's name).

    Raises:
        UserError: ``root`` holds something else; a set's or class's name can't be a folder's; the sets differ
            in label space.
    """
    folder = Path(root)
    require_own_folder(folder)
    spaces = {labelled.class_names for labelled in sets.values()}
    if len(spaces) != 1:
        raise UserError("A suite holds sets of one label space, and at least one set")
    (class_names,) = spaces
    for name in (*sets, *class_names):
        _check_folder_name(name)
    whole: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "class_names": list(class_names),
        "sets": {name: _describe(labelled) for name, labelled in sets.items()},
        "how": dict(manifest),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        for name, labelled in sets.items():
            _write_images(partial / name, labelled)
        (partial / MANIFEST).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        _swap(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return whole


def _swap(new: Path, place: Path) -> None:
    """Rename ``new`` to ``place``; a folder already there is moved aside first and then removed."""
    if not place.exists():
        new.rename(place)
        return
    old = new.with_suffix(".old")
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old)


def _describe(labelled: LabelledImages) -> dict[str, Any]:
    names = labelled.class_names
    group_of = labelled.group_of
    return {
        "images": len(labelled),
        "classes": [names[label] for label in labelled.classes],
        "images_per_class": {names[c]: int(np.sum(labelled.labels == c)) for c in labelled.classes},
        "groups": {}
        if group_of is None
        else {group: np.flatnonzero(group_of == k).tolist() for k, group in enumerate(labelled.groups)},
        "sha256": content_digest(labelled),
    }


def _write_images(folder: Path, labelled: LabelledImages) -> None:
    from PIL import Image

    for label in labelled.classes:
        (folder / labelled.class_names[label]).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True)):
        Image.fromarray(image).save(folder / labelled.class_names[label] / f"{number:08d}.png")


def read_suite(
    root: str | Path, names: Collection[str] | None = None, *, verify: bool = True
) -> dict[str, LabelledImages]:
    """Read the sets of a suite, in the order of its manifest and each in its original order.

    Args:
        root: A folder that :func:`write_suite` wrote.
        names: Which sets; None: all.
        verify: Compare pixels and labels with the manifest's checksums.

    Raises:
        UserError: No suite there, or no such set.
        CorruptData: The manifest or an image is damaged or missing.
    """
    folder = Path(root)
    manifest = _load_manifest(folder)
    for name in names or ():
        if name not in manifest["sets"]:
            raise unknown(f"set of {folder}", name, manifest["sets"])
    wanted = [name for name in manifest["sets"] if names is None or name in names]
    return {name: _read_set(folder, name, manifest, verify=verify) for name in wanted}


def _read_set(root: Path, name: str, manifest: Mapping[str, Any], *, verify: bool) -> LabelledImages:
    about, class_names = manifest["sets"][name], tuple(manifest["class_names"])
    try:
        files = sorted(
            (int(file.stem), label, file)
            for label, class_name in enumerate(class_names)
            for file in (root / name / class_name).glob("*.png")
        )
        if [number for number, _, _ in files] != list(range(about["images"])):
            raise CorruptData(
                f"Set '{name}' of {root} should have {about['images']} images, has {len(files)}"
            )
        group_of: NDArray[np.int64] | None = None
        if about["groups"]:
            group_of = np.zeros(len(files), dtype=np.int64)
            for number, members in enumerate(about["groups"].values()):
                group_of[members] = number
        labelled = LabelledImages(
            name=name,
            images=np.stack([_read_image(file, None) for _, _, file in files]),
            labels=np.array([label for _, label, _ in files], dtype=np.int64),
            classes=tuple(sorted(class_names.index(class_name) for class_name in about["classes"])),
            class_names=class_names,
            groups=tuple(about["groups"]),
            group_of=group_of,
        )
    except (UserError, KeyError, ValueError, IndexError) as error:
        raise CorruptData(f"Set '{name}' of {root} is damaged: {error}") from error
    if verify and content_digest(labelled) != about["sha256"]:
        raise CorruptData(f"Set '{name}' of {root} doesn't match the checksum in its manifest")
    return labelled


def fingerprint(root: str | Path) -> str:
    """Return a hash that tells folders with different images apart and ignores where a folder lies.

    For a suite it is the hash of the checksums in its manifest, so no image is opened: :func:`read_suite`
    verifies them when the images are read. For any other folder the names and bytes of all images are hashed.

    Returns:
        64 hexadecimal digits.

    Raises:
        UserError: There is no such folder, or it has no image.
    """
    folder = Path(root)
    if (folder / MANIFEST).exists():
        manifest = _load_manifest(folder)
        checksums = {name: about["sha256"] for name, about in manifest["sets"].items()}
        return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()
    digest = hashlib.sha256()
    empty = True
    for file in _image_files(folder):
        empty = False
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(json.dumps([file.relative_to(folder).as_posix(), content]).encode())
    if empty:
        raise UserError(f"There is no image folder {folder}, or it has no images")
    return digest.hexdigest()


def _image_files(folder: Path) -> Iterator[Path]:
    return iter(sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES))


def _load_manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise UserError(f"{folder} holds no suite: there is no {MANIFEST} in it")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise CorruptData(f"{file} is not the manifest of a suite")
        if manifest["version"] != _VERSION:
            raise UserError(
                f"{folder} has format version {manifest['version']}; this gridcell reads {_VERSION}"
            )
        for name in (*manifest["sets"], *manifest["class_names"]):
            _check_folder_name(name)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{file} is damaged: {error}") from error
    return dict(manifest)


def _check_folder_name(name: str) -> None:
    """Raise UserError for names that would leave the suite's folder or hide in it."""
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise UserError(f"'{name}' can't be the name of a set or class: it must do as a folder's name")
