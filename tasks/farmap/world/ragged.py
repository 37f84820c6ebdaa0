"""What is said of a drawn map whose lines differ in length: a square may have been left out of one.

Plans alone say it, so this is apart from how a map is read, which results name as part of their code.
"""

from pathlib import Path

from farmap.world.map_text import squares_of_text

_TEXTS = (".txt", ".map")


def said_of_short_lines(path: Path) -> tuple[str, ...]:
    r"""Say how many lines of a drawn map are shorter than the longest, and with how many squares of wall.

    Args:
        path: of a map that can be read; of a picture, an array or a table there is nothing to say.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     plan = Path(folder, "plan.txt")
        ...     _ = plan.write_text("####\n#..#\n###\n")
        ...     said_of_short_lines(plan)
        ('plan.txt: 1 of 3 lines is shorter than the longest, of 4: filled up with 1 square of wall',)
    """
    if path.suffix.lower() not in _TEXTS:
        return ()
    text = path.expanduser().read_text(encoding="utf-8-sig")
    walls, _ = squares_of_text(text, f"'{path}'")
    if walls.dtype != bool or text.startswith("type "):  # a table, or of the MovingAI benchmarks: all alike
        return ()
    lines = text.rstrip("\n").split("\n")
    if not any(" " in line.rstrip() for line in lines):  # blanks at the ends alone are no squares
        lines = [line.rstrip() for line in lines]
    width = walls.shape[1]
    missing = [width - len(line) for line in lines if len(line) < width]
    if not missing:
        return ()
    squares = f"{sum(missing)} square{'s' * (sum(missing) != 1)}"
    short = f"{len(missing)} of {len(lines)} lines {'is' if len(missing) == 1 else 'are'} shorter than"
    return (f"{path.name}: {short} the longest, of {width}: filled up with {squares} of wall",)
