"""How numbers are written in figures, pages and the terminal alike, without importing what draws."""


def signed(value: float, decimals: int = 1) -> str:
    """Format a difference with its sign and a true minus; what rounds to zero has none.

    Example:
        >>> signed(-1.25), signed(0.01)
        ('−1.2', '0.0')
    """
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def interval(low: float, high: float, decimals: int = 1) -> str:
    """Format the ends of an interval of differences; an end that rounds to zero keeps its side of it.

    Example:
        >>> interval(-1.25, 2.0), interval(-1.25, -0.015), interval(0.0, 2.0)
        ('[−1.2, +2.0]', '[−1.2, −0.0]', '[0.0, +2.0]')
    """
    return f"[{_end(low, decimals)}, {_end(high, decimals)}]"


def _end(value: float, decimals: int) -> str:
    """Write an end of an interval; it is zero if nine decimals are, as less is an error of rounding."""
    side = "" if round(value, 9) == 0 else "−" if value < 0 else "+"
    text = signed(value, decimals)
    return f"{side}{text}" if text[0].isdigit() else text


def short(value: float) -> str:
    """Write a number in four digits, with a true minus and in plain decimals where that is short.

    Example:
        >>> short(-1234.5), short(0.00012), short(-0.0)
        ('−1,234', '0.00012', '0')
    """
    value = value or 0.0  # nothing has no sign
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        text = f"{value:.3g}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", "−")
