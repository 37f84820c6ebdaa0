"""Matrices as inline SVG, without matplotlib's axes: a report has hundreds, with thousands of cells each."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from itertools import product

import numpy as np
from matplotlib.ticker import MaxNLocator

from gridcell.plots import style
from gridcell.plots.matrices import BAR, SCALE, Matrices, Matrix
from gridcell.plots.numbers import short
from gridcell.plots.panels import title_in
from gridcell.plots.svg_elements import hatching, number, part

_DPI = style.DPI
_POINT = _DPI / 72  # pixels
_TICK, _LABEL, _CELL = (
    number(size * _POINT) for size in (style.TICK_SIZE, style.LABEL_SIZE, style.CELL_SIZE)
)
_STEPS = 48  # colours of the bar


def matrix_svgs(matrices: Matrices, label: str) -> list[str]:
    """Draw matrices as ``<svg>`` elements: the colour bar, then one for each panel.

    All stands where ``heatmap`` puts it; labels lie at fixed distances, since a browser has its own fonts.

    Args:
        matrices: to draw.
        label: what is seen, read out in place of the figure.
    """
    layout = matrices.layout
    width, height = (_DPI * inches for inches in layout.step)
    bar = part(label, matrices.bar_width * _DPI, SCALE * _DPI, list(_bar(matrices)), alone=True)
    names = list(_names(matrices))
    return [
        bar,
        *(
            part(label, width, height, [*_panel(matrices, name, values), *names])
            for name, values in matrices.panels.items()
        ),
    ]


def _edges(matrices: Matrices) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a panel's cells, in pixels."""
    layout = matrices.layout
    left, top = layout.left * _DPI, layout.top * _DPI
    return left, top, left + layout.width * _DPI, top + layout.height * _DPI


def _panel(matrices: Matrices, name: str, values: Matrix) -> Iterator[str]:
    left, top, right, bottom = _edges(matrices)
    width, height = (right - left) / len(matrices.columns), (bottom - top) / len(matrices.rows)
    box = f'width="{number(width)}" height="{number(height)}"'
    colours, written, tips = _hex(matrices.painted(values)), matrices.written(values), matrices.tips(values)
    across = [left + column * width for column in range(len(matrices.columns))]
    down = [top + row * height for row in range(len(matrices.rows))]
    rectangles, texts = [], []
    for row, column in product(range(len(down)), range(len(across))):
        x, y, text, colour = across[column], down[row], written[row][column], colours[row][column]
        fill = f'fill="{colour}"' if text else 'class="Fwash"'
        tip = escape(tips[row][column])
        rectangles.append(f'<rect x="{number(x)}" y="{number(y)}" {box} {fill} data-t="{tip}"/>')
        if text:
            pale = ' fill="#fff"' if _dark(colour) else ""
            middle = y + height / 2 + 0.36 * style.CELL_SIZE * _POINT
            texts.append(f'<text x="{number(x + width / 2)}" y="{number(middle)}"{pale}>{text}</text>')
        else:
            texts.append(f'<g class="Srule">{hatching(x, y, width, height, "////")}</g>')
    yield f'<g class="cells">{"".join(rectangles)}</g>'
    yield f'<g class="numbers" font-size="{_CELL}">{"".join(texts)}</g>'
    title = title_in(name, matrices.layout.width + matrices.layout.right)
    yield _text((left + right) / 2, top - 4 * _POINT, title, _LABEL, "middle")


def _names(matrices: Matrices) -> Iterator[str]:
    """Draw what is the same in all panels: names of rows, columns and axes, frames and the rule."""
    left, top, right, bottom = _edges(matrices)
    width, height = (right - left) / len(matrices.columns), (bottom - top) / len(matrices.rows)
    pad, letter = 3 * _POINT, style.TICK_SIZE * _POINT
    frames = "".join(
        f"M{number(left + (column + 0.03) * width)} {number(top + (row + 0.04) * height)}"
        f"h{number(0.94 * width)}v{number(0.92 * height)}h{number(-0.94 * width)}z"
        for row, column in sorted(matrices.outlined)
    )
    if frames:
        yield f'<path d="{frames}" class="Sink" fill="none" stroke-width="0.9"/>'
    if matrices.divider is not None and 0 < matrices.divider < len(matrices.columns):
        x = number(left + matrices.divider * width)
        rule = f"M{x} {number(top)}V{number(bottom)}"
        yield f'<path d="{rule}" class="Sink" fill="none" stroke-width="1.1"/>'
    for row, name in enumerate(matrices.row_names):
        yield _text(left - pad, top + (row + 0.5) * height + 0.36 * letter, name, _TICK, "end")
    for column, name in enumerate(matrices.column_names):
        end = left + (column + 0.5) * width + 0.53 * letter
        yield _text(end, bottom + pad + 0.53 * letter, name, _TICK, "end", turned=-45)
    reach = 0.72 * style.text_width(matrices.column_names, style.TICK_SIZE) * _DPI  # of the slanted names
    below = bottom + pad + reach + 0.4 * letter + style.LABEL_SIZE * _POINT
    yield _text((left + right) / 2, below, matrices.column_axis, _LABEL, "middle", faint=True)
    if matrices.low:
        corner = (left - 0.07 * _DPI, top - 0.05 * _DPI)
        yield _text(*corner, matrices.row_axis, _LABEL, "end", faint=True)
    else:
        middle = (top + bottom) / 2
        yield _text(0.19 * _DPI, middle, matrices.row_axis, _LABEL, "middle", faint=True, turned=-90)


def _bar(matrices: Matrices) -> Iterator[str]:
    """Draw the colour bar: an arrow at an end that values lie beyond, ticks, and above it the unit."""
    yield _text(0.15 * _DPI, 0.2 * _DPI, matrices.unit, _LABEL)
    below, above = matrices.beyond
    left, right, top, height = 0.2 * _DPI, (0.2 + BAR) * _DPI, 0.27 * _DPI, 0.13 * _DPI
    colours = _hex(np.asarray(matrices.colours(np.linspace(0, 1, _STEPS)))[np.newaxis])[0]
    arrow, bottom = 0.09 * _DPI, top + height
    for seen, edge, inwards, colour in ((below, left, 1, colours[0]), (above, right, -1, colours[-1])):
        if seen:
            tip, base = f"{number(edge)} {number(top + height / 2)}", number(edge + inwards * arrow)
            yield f'<path d="M{tip}L{base} {number(top)}V{number(bottom)}z" fill="{colour}"/>'
    left, right = left + arrow * below, right - arrow * above
    step = (right - left) / _STEPS
    for index, colour in enumerate(colours):
        wide = step + (0.3 if index + 1 < _STEPS else 0)  # no seam between two
        place = f'x="{number(left + index * step)}" y="{number(top)}"'
        yield f'<rect {place} width="{number(wide)}" height="{number(height)}" fill="{colour}"/>'
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(matrices.start, matrices.end)
    for value in ticks:
        share = float(matrices.norm(value))
        if -1e-9 <= share <= 1 + 1e-9:
            x = left + share * (right - left)
            yield f'<path d="M{number(x)} {number(bottom)}v{number(2 * _POINT)}" class="Sink"/>'
            under = bottom + 5 * _POINT + 0.76 * style.TICK_SIZE * _POINT
            yield _text(x, under, short(0.0 if abs(value) < 1e-12 else value), _TICK, "middle")


def _text(
    x: float,
    y: float,
    text: str,
    size: str,
    anchor: str = "start",
    *,
    faint: bool = False,
    turned: int = 0,
) -> str:
    colour = "Ffaint" if faint else "Fink"
    held = "" if anchor == "start" else f' text-anchor="{anchor}"'
    left, top = number(x), number(y)
    turn = f' transform="rotate({turned} {left} {top})"' if turned else ""
    place = f'x="{left}" y="{top}"'
    return f'<text {place} class="{colour}" font-size="{size}"{held}{turn}>{escape(text)}</text>'


def _hex(colours: Matrix) -> Sequence[Sequence[str]]:
    """Write colours, RGBA in [0, 1] of shape (rows, columns, 4), as ``#rrggbb``."""
    levels = np.rint(255 * colours[..., :3]).astype(int).tolist()
    return [[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in row] for row in levels]


@lru_cache(maxsize=1024)
def _dark(colour: str) -> bool:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return style.readable_on((red, green, blue, 1.0)) == "#ffffff"
