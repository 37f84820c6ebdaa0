"""From the bytes of an image to its pixels: one set of rules for every reader.

Two protocols differ in two points. One's own photographs are turned upright as their EXIF tag says, and what
is transparent is drawn on white. Published sets are read as their authors read them: neither is done.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folders.formats import FORMATS, HEAD, format_of
from gridcell.errors import UserError
from gridcell.printable import as_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image


class Unreadable(UserError):  # noqa: N818 - names the state of the image
    """An image that can't be read; ``why`` says the reason without the image's name."""

    def __init__(self, name: str, why: object) -> None:
        name = as_one_line(name)
        super().__init__(f"Image {name} can't be read: {why}")
        self.name = name
        self.why = str(why)


_WITHOUT = (
    "remove such files, or write a set without them: gridcell data import folder --on-corrupt skip --from ..."
)
_NAMED = 10
"""Images that can't be read, of which a message names so many."""


class UnreadableImages(UserError):  # noqa: N818 - names the state of the images
    """Images of a folder that can't be read.

    Attributes:
        errors: One for each of them.
    """

    def __init__(self, message: str, errors: Sequence[Unreadable]) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


def unreadable(errors: Sequence[Unreadable], advice: str = _WITHOUT) -> UnreadableImages:
    """Return the error that names all images that can't be read, up to ten, and counts the rest.

    Args:
        errors: At least one.
        advice: What to do about them.

    Example:
        >>> print(unreadable([Unreadable("a.png", "it is empty"), Unreadable("b.png", "cut off")], "see"))
        2 images can't be read: a.png (it is empty), b.png (cut off); see
    """
    if len(errors) == 1:
        return UnreadableImages(f"{errors[0]}; {advice}", errors)
    named = ", ".join(f"{error.name} ({error.why})" for error in errors[:_NAMED])
    more = f", and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    return UnreadableImages(f"{len(errors)} images can't be read: {named}{more}; {advice}", errors)


_ORIENTATION = 0x0112  # EXIF tag
_TURNED = range(2, 9)  # values of that tag; any other says nothing
_INKS = ("CMYK", "LAB", "HSV")
_PNG_ORIENTATION = (b"eXIf", b"exif", b"adobe.xmp")  # chunks that may hold it, behind the pixels too
_PNG_DEPTH = 24  # the byte of a PNG that holds the bits of a channel
_PNM_HEAD = 1024  # bytes in which the header of a PPM ends, remarks included
_TIFF_BITS, _TIFF_MEANING = 258, 262  # TIFF's tags BitsPerSample and PhotometricInterpretation
_WIDEST = 100  # how much longer than its shorter side an image may be that is resized


class Look(NamedTuple):
    """What an image's header says.

    Attributes:
        format: Pillow's name.
        width: In px, upright.
        height: In px, upright.
        grey: One channel.
        deep: 16 bits a channel.
        alpha: It may be transparent somewhere.
        turned: Its EXIF tag says that it is stored lying or mirrored.
        frames: It holds several pictures, of which the first is read.
        inks: Its colours are neither grey nor RGB but those of a press (CMYK) or of the eye (Lab).
    """

    format: str
    width: int
    height: int
    grey: bool = False
    deep: bool = False
    alpha: bool = False
    turned: bool = False
    frames: bool = False
    inks: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What pixels are brought to: 1 channel (grey) or 3 (RGB), of 8 or 16 bits."""

    channels: int = 3
    bits: int = 8

    @classmethod
    def of(cls, looks: Iterable[Look]) -> "Form":
        """Return the form that loses least: grey or 16 bits if all images are; reads no more than it must."""
        grey = deep = True
        for look in looks:
            grey, deep = grey and look.grey, deep and look.deep and look.grey
            if not grey:
                break
        return cls(1 if grey else 3, 16 if deep and grey else 8)


COLOUR = Form()


def look_at(content: bytes, name: str) -> Look:
    """Read an image's header.

    Raises:
        Unreadable: It is of no format that is read, or its header is damaged; ``name`` says which.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("L", (6, 4), 200).save(file, "png")
        >>> look_at(file.getvalue(), "grey.png").grey
        True
    """
    with _opened(content, name) as image:
        return _look(image, content)


def check_whole(content: bytes, name: str, *, own: bool = False) -> Look:
    """Decode an image to see that it is whole.

    Args:
        content: The file's bytes.
        name: What to call it in messages.
        own: Whether it is one's own, which has to be wide enough to be brought to a square.

    Raises:
        Unreadable: It can't be decoded, or is too narrow; ``name`` says which.
    """
    with _opened(content, name) as image:
        if own:
            _check_width(image, name)
        look = _look(image, content)
        image.load()
        return look


def published_rgb(content: bytes, name: str) -> "Image":
    """Return an image of a published set in RGB, as its authors read it: neither turned nor drawn on white.

    Raises:
        Unreadable: It can't be decoded; ``name`` says which.
    """
    with _opened(content, name) as image:
        return _shallow(image).convert("RGB")


def decode(
    content: bytes, name: str, *, form: Form = COLOUR, size: int | None = None, own: bool = True
) -> NDArray[Any]:
    """Return an image's pixels, uint8 or uint16 by ``form.bits``, shape (H, W, ``form.channels``).

    16 bits of grey are brought to 8 by the nearest of 256 steps, of colour by Pillow, which may be one step
    lower; 8 to 16 by a factor of 257; colour to grey by BT.601.

    Args:
        content: The file's bytes.
        name: What to call it in messages.
        form: What to bring it to.
        size: Side in px: the shorter side is resized bicubically, then the centre cut out. None: leave it.
        own: Whether to turn it upright and draw it on white, see the module.

    Raises:
        Unreadable: It can't be read.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("L", (6, 4), 200).save(file, "png")
        >>> decode(file.getvalue(), "grey.png").shape
        (4, 6, 3)
    """
    with _opened(content, name) as image:
        if size is not None:
            _check_width(image, name)
        image.load()
        return _pixels(image, form=form, size=size, own=own)


def _check_width(image: "Image", name: str) -> None:
    width, height = image.size
    if max(width, height) > _WIDEST * min(width, height):
        raise Unreadable(name, f"{width} x {height} px are too narrow to be brought to a square")


def to_upright_png(content: bytes, name: str) -> bytes:
    """Return what :func:`decode` makes of one's own image, as a PNG of its own channels and bits."""
    from PIL import Image

    look = look_at(content, name)
    pixels = decode(content, name, form=Form.of([look]))
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if look.grey else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _look(image: "Image", content: bytes) -> Look:
    orientation = _orientation(image, content)
    width, height = image.size
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Look(
        format=str(image.format if image.format != "MPO" else "JPEG"),
        width=width,
        height=height,
        grey=_is_grey(image),
        deep=_is_deep(image, content),
        alpha=image.has_transparency_data,
        turned=orientation in _TURNED,
        frames=image.format != "MPO" and getattr(image, "n_frames", 1) > 1,
        inks=image.mode in _INKS,
    )


def _shallow(image: "Image") -> "Image":
    """Bring 16 bits of grey to 8: Pillow's own conversions would clip them to white."""
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))


def _pixels(image: "Image", *, form: Form, size: int | None, own: bool) -> NDArray[Any]:
    from PIL import Image, ImageOps

    if own:
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            drawn = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)
    if form.bits == 16 and image.mode.startswith("I"):
        return _repeated(_resized_deep(np.asarray(image).astype(np.uint16), size), form)
    image = _shallow(image).convert("L" if form.channels == 1 else "RGB")
    pixels = np.asarray(image if size is None else resized(image, size), dtype=np.uint8)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    return pixels if form.bits == 8 else pixels.astype(np.uint16) * np.uint16(257)


def resized(image: "Image", size: int) -> "Image":
    """Resize the shorter side bicubically to ``size`` px, and cut out the centre."""
    from PIL import Image

    scale = size / min(image.size)
    width, height = (max(size, round(length * scale)) for length in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _resized_deep(deep: NDArray[np.uint16], size: int | None) -> NDArray[np.uint16]:
    from PIL import Image

    if size is None:
        return deep
    values = np.asarray(resized(Image.fromarray(deep.astype(np.float32)), size))
    return np.rint(np.clip(values, 0, 65535)).astype(np.uint16)


def _repeated(plane: NDArray[np.uint16], form: Form) -> NDArray[np.uint16]:
    return np.repeat(plane[..., None], form.channels, axis=2)


def _orientation(image: "Image", content: bytes) -> int | None:
    """Return the EXIF tag, or what XMP says; of a PNG without either, without decoding it."""
    if image.format == "PNG" and not any(mark in content for mark in _PNG_ORIENTATION):
        return 1
    return image.getexif().get(_ORIENTATION, 1)


def _is_grey(image: "Image") -> bool:
    if image.mode == "P" and image.palette is not None:
        palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


def _is_deep(image: "Image", content: bytes) -> bool:
    if image.mode.startswith("I"):
        return True
    if image.format == "PNG":
        return content[_PNG_DEPTH] == 16
    if image.format == "PPM":
        return _is_deep_pnm(content)
    return image.format == "TIFF" and max(_tiff_bits(image)) > 8


def _is_deep_pnm(content: bytes) -> bool:
    """Tell whether a PPM or PGM has more than 256 levels: magic, width, height, levels, remarks between."""
    words = re.sub(rb"#[^\r\n]*", b"", content[:_PNM_HEAD]).split(maxsplit=4)
    return len(words) > 3 and words[0] not in (b"P1", b"P4") and words[3].isdigit() and int(words[3]) > 255


def _tiff_bits(image: "Image") -> tuple[int, ...]:
    return tuple(image.tag_v2.get(_TIFF_BITS, (1,)))  # type: ignore[attr-defined]  # of TIFF images alone


def _why_unclear(image: "Image") -> str:
    """Say why an image's numbers have no scale; empty where they have."""
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        return "it holds signed or 32-bit numbers without a scale; save it with 8 or 16 bits"
    if image.format == "TIFF" and image.mode.startswith("I"):
        if max(_tiff_bits(image)) < 16:
            return f"it holds {max(_tiff_bits(image))} bits a channel; save it with 8 or 16 bits"
        if image.tag_v2.get(_TIFF_MEANING) == 0:  # type: ignore[attr-defined]  # see above
            return "its 0 is white, which is not read with 16 bits; save it with 0 as black"
    return ""


# What Pillow lets through where a file is damaged or of another make than it claims.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)


@contextmanager
def _opened(content: bytes, name: str) -> "Iterator[Image]":
    from PIL import Image, UnidentifiedImageError

    if format_of(content[:HEAD]) is None:
        what = "it is empty" if not content else "it is of no format that is read"
        raise Unreadable(name, f"{what} ({', '.join(FORMATS)})")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:  # its own words name an address in memory
        raise Unreadable(name, "its header is damaged") from error
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise Unreadable(name, error) from error
    with image:
        if why := _why_unclear(image):
            raise Unreadable(name, why)
        try:
            yield image
        except _DAMAGED as error:
            raise Unreadable(name, error) from error
