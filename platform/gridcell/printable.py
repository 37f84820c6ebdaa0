"""Text for a terminal: that of others, such as an error's message, made fit for it; numbers with nouns."""

import contextlib
import re
import sys
from typing import Any

# Control characters but for newline and tab: they move the cursor, change colours, or answer for the user.
# Then the marks that turn the direction of writing, by which a text can show another order than it has.
_HARMFUL = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SHOWN = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _HARMFUL}
del _SHOWN[ord("\n")], _SHOWN[ord("\t")]
_SHOWN[ord("\r")] = "\n"  # of a progress bar: each state on a line of its own


def printable(text: str) -> str:
    r"""Return a text with its control characters written out, so that a terminal shows and obeys none.

    Example:
        >>> printable("a \x1b[2J b")
        'a \\x1b[2J b'
    """
    return text.replace("\r\n", "\n").translate(_SHOWN)


def as_one_line(text: str) -> str:
    r"""Return a text on one line, as UTF-8 can hold it: names of files may have line ends, or be no text.

    Example:
        >>> as_one_line("a\nb \udce9")
        'a\\nb \\xe9'
    """
    shown = "".join(repr(sign)[1:-1] if sign in "\r\n\t" else sign for sign in text).translate(_SHOWN)
    return re.sub("[\ud800-\udfff]", lambda found: _written_out(found[0]), shown)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 cell", "1,234 cells".

    Args:
        number: of things.
        noun: of one, with a verb where it has one.
        plural: of several; by default with an s.

    Example:
        >>> counted(2, "cell"), counted(1, "class is", "classes are")
        ('2 cells', '1 class is')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def _written_out(half: str) -> str:
    """Return what stands for one byte that was no text, see ``os.fsdecode``, or for half a sign."""
    code = ord(half)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code < 0xDD00 else f"\\u{code:04x}"


def print_anything(*streams: Any) -> None:
    """Let text streams write out what their encoding lacks, as Python's own errors do, in place of failing.

    Args:
        streams: by default this process's output and errors.
    """
    for stream in streams or (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # closed, or not Python's
            stream.reconfigure(errors="backslashreplace")
