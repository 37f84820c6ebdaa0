"""Suites: derived sets in folders, with a manifest that says what they hold and how they were made."""

import json
import shutil
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folder import check_folder_name, read_image
from gridcell.data.folders import walk
from gridcell.data.folders.decode import Unreadable, unreadable
from gridcell.data.folders.walk import is_hidden
from gridcell.data.images import LabelledImages, content_digest
from gridcell.data.set_writer import SetWriter
from gridcell.data.suite_files import files_digest, written_digest
from gridcell.errors import CorruptData, UserError, unknown

MANIFEST = "manifest.json"
_FORMAT = "gridcell-suite"
_VERSION = 1


def require_own_folder(root: str | Path, *, replace: bool = False) -> None:
    """Make sure that a suite may be written to ``root``.

    Args:
        root: A folder, which need not be there.
        replace: Whether a suite that was written there before may give way.

    Raises:
        UserError: It holds such a suite that may not, or anything else.
    """
    folder = Path(root).expanduser()
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        _load_manifest(folder)
    except (CorruptData, UserError) as error:
        raise UserError(
            f"{folder} is not empty and holds no suite of gridcell; choose another folder"
        ) from error
    if not replace:
        raise UserError(f"{folder} holds a suite already: choose another folder, or replace it by --force")


Pieces = LabelledImages | Iterable[LabelledImages]
"""A set, or pieces that are the set one after another."""


def write_suite(
    root: str | Path,
    sets: Mapping[str, Pieces] | Iterable[tuple[str, Pieces]],
    manifest: Mapping[str, Any],
    *,
    replace: bool = True,
) -> dict[str, Any]:
    """Write ``root/<set>/<class>/<index>.png`` and ``manifest.json``, all or nothing.

    Everything goes to a temporary folder beside ``root`` that is renamed at the end.

    Args:
        root: Absent or empty; or a suite written before, if ``replace`` allows it.
        sets: Sets of one label space by name; pairs of name and set are written one after another, and none
            is held longer. A set may come in pieces, of which one is held at a time.
        manifest: What to record about how they were made, e.g. the seed; stored under ``"how"``.
        replace: Whether a suite that is there is replaced whole.

    Returns:
        The manifest as written: ``format``, ``version``, ``class_names``, ``how`` and, per set, ``images``,
        ``classes``, ``images_per_class``, ``sha256`` of what the set holds, ``files`` (SHA-256 of its files)
        and ``groups`` (positions by group's name).

    Raises:
        UserError: ``root`` holds something else; a set's or class's name can't be a folder's; the sets differ
            in label space.
    """
    folder = Path(root).expanduser()
    require_own_folder(folder, replace=replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        class_names, described = _write_sets(partial, sets.items() if isinstance(sets, Mapping) else sets)
        whole: dict[str, Any] = {
            "format": _FORMAT,
            "version": _VERSION,
            "class_names": list(class_names),
            "sets": described,
            "how": dict(manifest),
        }
        (partial / MANIFEST).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        _swap(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return whole


def _write_sets(folder: Path, sets: Iterable[tuple[str, Pieces]]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Write sets one after another; return the names of their classes, and each set's description."""
    space: tuple[str, ...] | None = None
    described: dict[str, Any] = {}
    for name, pieces in sets:
        writer = SetWriter(folder / name, folder / f".{name}.pixels")
        for piece in (pieces,) if isinstance(pieces, LabelledImages) else pieces:
            for part in (name, *piece.class_names):
                check_folder_name(part)
            space = piece.class_names if space is None else space
            if piece.class_names != space:
                raise UserError("A suite holds sets of one label space, and at least one set")
            writer.add(piece)
        described[name] = writer.description()
    if space is None:
        raise UserError("A suite holds sets of one label space, and at least one set")
    return space, described


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

    Example:
        >>> read_suite("sets", ["v2"])["v2"].images.shape  # doctest: +SKIP
        (165, 32, 32, 3)
    """
    folder = Path(root).expanduser()
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
            if not is_hidden(file.name)
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
            images=np.stack(_read_all([file for _, _, file in files])),
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


def _read_all(files: Iterable[Path]) -> list[NDArray[np.uint8]]:
    """Return images, uint8 (H, W, 3) each; an error names all that can't be read."""
    images, errors = [], []
    for file in files:
        try:
            images.append(read_image(file, None))
        except Unreadable as error:
            errors.append(error)
    if errors:
        raise unreadable(errors, "write the suite again")
    return images


def set_checksums(root: str | Path, names: Collection[str] | None = None) -> dict[str, str]:
    """Return the checksum of what each set of a suite holds now, also where pictures were changed by hand.

    Files are hashed (what is known of unchanged ones is kept between commands). Images are decoded only if
    their files are not those that were written, or if the manifest is of before files were hashed.

    Args:
        root: A folder that :func:`write_suite` wrote.
        names: Which sets; None: all.

    Returns:
        Name -> SHA-256 of images, labels, classes and groups, 64 hexadecimal digits.

    Raises:
        UserError: The folder holds no suite, or no such set.
        CorruptData: Its manifest is damaged, or an image is missing or can't be read.

    Example:
        >>> set_checksums("sets", ["v2"])["v2"][:8]  # doctest: +SKIP
        '5b1c07e2'
    """
    folder = Path(root).expanduser()
    manifest = _load_manifest(folder)
    sets = manifest["sets"]
    for name in names or ():
        if name not in sets:
            raise unknown(f"set of {folder}", name, sets)
    return {name: _checksum(folder, name, manifest) for name in (sets if names is None else names)}


def _checksum(root: Path, name: str, manifest: Mapping[str, Any]) -> str:
    about = manifest["sets"][name]
    if "files" in about and about["files"] == files_digest(root / name):
        return str(about["sha256"])
    return content_digest(_read_set(root, name, manifest, verify=False))


def written_checksums(root: str | Path) -> dict[str, str]:
    """Return the checksum of each set as it was written, from the manifest; opens no image.

    Raises:
        UserError: The folder holds no suite.
        CorruptData: Its manifest is damaged.

    Example:
        >>> written_checksums("sets")["v2"] == set_checksums("sets")["v2"]  # doctest: +SKIP
        True
    """
    sets = _load_manifest(Path(root).expanduser())["sets"]
    return {name: str(about["sha256"]) for name, about in sets.items()}


def suite_notes(root: str | Path) -> tuple[str, ...]:
    """Return what ``derive`` left out, converted or chose when it made a suite: sentences of its manifest.

    Raises:
        UserError: The folder holds no suite.
        CorruptData: Its manifest is damaged.

    Example:
        >>> suite_notes("sets")  # doctest: +SKIP
        ('photos: 6 images in grey read as RGB',)
    """
    how = _load_manifest(Path(root).expanduser()).get("how", {})
    return tuple(map(str, how.get("said", ())))


def suite_classes(root: str | Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return the names of a suite's classes, and of those that each of its sets covers, from its manifest.

    Raises:
        UserError: The folder holds no suite.
        CorruptData: Its manifest is damaged.

    Example:
        >>> suite_classes("sets")[0]  # doctest: +SKIP
        ('cat', 'dog')
    """
    manifest = _load_manifest(Path(root).expanduser())
    sets = {name: tuple(about["classes"]) for name, about in manifest["sets"].items()}
    return tuple(manifest["class_names"]), sets


@dataclass(frozen=True)
class VerifiedSuite:
    """What a check of a suite found.

    Attributes:
        images: Set -> images, by the manifest.
        problems: What is not as the manifest says, a sentence each.
    """

    images: Mapping[str, int]
    problems: tuple[str, ...]


def is_suite(root: str | Path) -> bool:
    """Tell whether a folder has the manifest of a suite, whole or not."""
    try:
        return bool(json.loads((Path(root) / MANIFEST).read_bytes())["format"] == _FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def verify_suite(root: str | Path) -> VerifiedSuite:
    """Read every image of a suite and compare pixels, labels and the bytes of files with its manifest.

    Raises:
        UserError: There is no suite.
        CorruptData: Its manifest is damaged.
    """
    folder = Path(root).expanduser()
    manifest = _load_manifest(folder)
    problems = []
    known = {
        f"{name}/{class_name}" for name, about in manifest["sets"].items() for class_name in about["classes"]
    }
    strange = []
    for file in walk(folder).files:
        inside, _, last = file.name.rpartition("/")
        if file.name != MANIFEST and not (inside in known and last.endswith(".png")):
            strange.append(file.name)
    for name, about in manifest["sets"].items():
        try:
            _read_set(folder, name, manifest, verify=True)
        except CorruptData as error:
            problems.append(str(error))
            continue
        beside = {one.removeprefix(f"{name}/") for one in strange}
        if "files" in about and about["files"] != written_digest(folder / name, beside):
            problems.append(
                f"Files of set '{name}' of {folder} are not those that were written, though their pixels are"
            )
    problems += [f"{name} is not in the manifest" for name in strange]
    return VerifiedSuite({name: about["images"] for name, about in manifest["sets"].items()}, tuple(problems))


def _no_suite(folder: Path) -> UserError:
    """Say of a folder what it lacks to be a suite, and how one is made."""
    base, out = "IMAGES", str(folder)
    why = "there is no such folder"
    if folder.is_dir():
        why, out = f"there is no {MANIFEST} in it", "SUITE"
        base = str(folder) if any(each.is_dir() for each in folder.iterdir()) else base
    return UserError(
        f"{folder} holds no suite: {why}. 'gridcell data derive --base {base} --out {out}' makes one from a "
        "folder of images with a folder for each class"
    )


def _load_manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise _no_suite(folder)
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            raise CorruptData(f"{file} is not the manifest of a suite")
        if manifest["version"] != _VERSION:
            raise UserError(
                f"{folder} has format version {manifest['version']}; this gridcell reads {_VERSION}"
            )
        for name in (*manifest["sets"], *manifest["class_names"]):
            check_folder_name(name)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{file} is damaged: {error}") from error
    return dict(manifest)
