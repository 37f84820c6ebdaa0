"""What a reader left out and what it converted, each in one sentence."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gridcell.data.folders.decode import Form, Look
from gridcell.data.folders.formats import has_image_ending

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class LeftOut:
    """What lies in a folder and is not read, or is in spite of its name.

    Attributes:
        formats: Ending (``""`` for none) -> files that are no images.
        outside: Images in the folder itself, in no class.
        empty: Names of class folders without images.
        small: Name of class -> its images, of classes with fewer than were asked for.
        least: How many were asked for.
        hidden: Hidden and system files and folders.
        loops: Links to a folder that they lie in.
        broken: Links that lead nowhere, and what is neither file nor folder.
        odd: Ending -> images that are read, by what their bytes are, though they have another file's ending.
        corrupt: Name -> why, of images that can't be read, where they were asked to be left out.
    """

    formats: Mapping[str, int] = field(default_factory=dict)
    outside: int = 0
    empty: tuple[str, ...] = ()
    small: Mapping[str, int] = field(default_factory=dict)
    least: int = 1
    hidden: int = 0
    loops: int = 0
    broken: int = 0
    odd: Mapping[str, int] = field(default_factory=dict)
    corrupt: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """E.g. ``9 files of other formats (.heic 9), 1 empty class (bee) left out``; empty if nothing is."""
        parts = []
        if self.formats:
            shown = [f"{ending or 'no ending'} {count}" for ending, count in _largest(self.formats)]
            parts.append(f"{_count(sum(self.formats.values()), 'file')} of other formats ({_list(shown)})")
        if self.corrupt:
            parts.append(
                f"{_count(len(self.corrupt), 'image')} that can't be read ({_list(sorted(self.corrupt), 10)})"
            )
        if self.outside:
            parts.append(f"{_count(self.outside, 'image')} outside the class folders")
        if self.empty:
            parts.append(f"{_count(len(self.empty), 'empty class', 'empty classes')} ({_list(self.empty)})")
        if self.small:
            shown = [f"{name} {count}" for name, count in self.small.items()]
            what = _count(len(self.small), "class", "classes")
            parts.append(f"{what} of fewer than {self.least} images ({_list(shown)})")
        if self.hidden:
            parts.append(_count(self.hidden, "hidden or system file"))
        if self.loops:
            parts.append(f"{_count(self.loops, 'link')} back to a folder above")
        if self.broken:
            parts.append(f"{_count(self.broken, 'broken link')} or special file{'s' * (self.broken != 1)}")
        said = [f"{', '.join(parts)} left out"] if parts else []
        if self.odd:
            shown = [f"{ending} {count}" for ending, count in _largest(self.odd)]
            count = _count(sum(self.odd.values()), "image")
            said.append(f"{count} read in spite of the ending ({_list(shown)})")
        return "; ".join(said)


def said_of_copies(images: Iterable[tuple[str, str]]) -> list[str]:
    """Say which images are there more than once, and in which classes.

    Args:
        images: Name of each, ``<class>/<file>``, and checksum.

    Example:
        >>> images = [("a/1.png", "x"), ("a/2.png", "x"), ("b/3.png", "x"), ("b/4.png", "y")]
        >>> said_of_copies(images)  # doctest: +NORMALIZE_WHITESPACE
        ['1 image lies in several classes (a/1.png, b/3.png)',
         '1 image is a copy of another (a/2.png of a/1.png)']
    """
    first: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    elsewhere: dict[str, str] = {}
    copies: list[tuple[str, str]] = []
    for name, checksum in images:
        known = first.setdefault(checksum, name)
        inside = name.partition("/")[0]
        if known is not name and (inside, checksum) in seen:
            copies.append((name, known))
        elif known is not name:
            elsewhere.setdefault(checksum, name)
        seen.add((inside, checksum))
    said = []
    if elsewhere:
        checksum, other = next(iter(elsewhere.items()))
        lie = f"{_count(len(elsewhere), 'image')} {'lies' if len(elsewhere) == 1 else 'lie'}"
        said.append(f"{lie} in several classes ({first[checksum]}, {other})")
    if copies:
        are = "is a copy of another" if len(copies) == 1 else "are copies of others"
        said.append(f"{_count(len(copies), 'image')} {are} ({copies[0][0]} of {copies[0][1]})")
    return said


def said_of_case(classes: Iterable[str]) -> str:
    """Say which classes have names that differ in upper and lower case alone; empty where none do.

    Example:
        >>> said_of_case(["Cat", "cat", "dog"])
        '2 classes whose names differ in upper and lower case alone (Cat, cat)'
    """
    together: dict[str, list[str]] = {}
    for name in classes:
        together.setdefault(name.casefold(), []).append(name)
    alike = [name for names in together.values() if len(names) > 1 for name in names]
    what = "classes whose names differ in upper and lower case alone"
    return f"{len(alike)} {what} ({_list(alike)})" if alike else ""


def endings(names: Iterable[str]) -> dict[str, int]:
    """Count files by their endings in lower case."""
    return dict(Counter(PurePosixPath(name).suffix.lower() for name in names))


def odd_endings(images: Iterable[str]) -> dict[str, int]:
    """Count the images that have endings of other files, as backups have: the bytes say what a file is.

    Example:
        >>> odd_endings(["a/1.png", "a/1.png.bak", "a/2"])
        {'.bak': 1}
    """
    return endings(name for name in images if PurePosixPath(name).suffix and not has_image_ending(name))


def converted(looks: Iterable[Look], form: Form, *, own: bool = True, square: bool = False) -> str:
    """Say what decoding changes, e.g. ``2 images turned upright by EXIF``; empty where nothing is.

    Args:
        looks: What the images' headers say.
        form: What they are brought to.
        own: See :mod:`gridcell.data.folders.decode`.
        square: Whether they are brought to one size, by what is in the middle.

    Example:
        >>> converted([], Form(channels=3, bits=8))
        ''
    """
    return said_of_conversions(conversions(looks, form, own=own, square=square))


def conversions(
    looks: Iterable[Look], form: Form, *, own: bool = True, square: bool = False
) -> dict[str, int]:
    """Count the images of each kind that decoding changes; arguments are as for :func:`converted`.

    Example:
        >>> conversions([Look("PNG", 6, 4, grey=True)], Form(channels=3, bits=8))
        {'in grey read as RGB': 1}
    """
    kinds: Counter[str] = Counter()
    for look in looks:
        kinds["turned upright by EXIF"] += own and look.turned
        kinds["with transparency drawn on white"] += own and look.alpha
        kinds["with transparency read without it"] += look.alpha and not own
        kinds["in grey read as RGB"] += look.grey and form.channels == 3
        kinds["of 16 bits brought to 8"] += look.deep and form.bits == 8
        kinds["in CMYK or Lab read as RGB"] += look.inks
        kinds["of several frames, of which the first is read"] += look.frames
        kinds["that are not square, cut to the square in the middle"] += square and look.width != look.height
    return {what: count for what, count in kinds.items() if count}


def said_of_conversions(kinds: Mapping[str, int]) -> str:
    """Say what :func:`conversions` counted; empty where nothing is.

    Example:
        >>> said_of_conversions({"in grey read as RGB": 2})
        '2 images in grey read as RGB'
    """
    return ", ".join(f"{_count(count, 'image')} {what}" for what, count in kinds.items())


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _list(names: Iterable[str], most: int = _NAMED_AT_MOST) -> str:
    all_names = list(names)
    more = len(all_names) - most
    return ", ".join(all_names[:most]) + (f", {more} more" if more > 0 else "")


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
