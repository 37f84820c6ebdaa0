"""Which files are images: by what their bytes are, whatever their names say."""

from pathlib import PurePosixPath

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Pillow's names of the formats that are read; no other decoder is tried."""

ENDINGS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
"""Endings that claim an image (torchvision's, and GIF's) -> format that they claim."""

ENDING_OF = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "PPM": "ppm",
}
"""Format -> the ending under which a shard stores it."""

HEAD = 32
"""Bytes that :func:`format_of` looks at."""

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


def has_image_ending(name: str) -> bool:
    """Tell whether a file's name claims that it is an image."""
    return PurePosixPath(name).suffix.lower() in ENDINGS


def format_of(head: bytes) -> str | None:
    """Return Pillow's name of an image's format by its first ``HEAD`` bytes; None if none is read."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # two letters alone are the start of many texts
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() and head[3:4] in b"0123456789#":
        return "PPM"
    return None
