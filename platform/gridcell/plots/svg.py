"""Figures as inline SVG: small, coloured by the page's style, in parts that flow, with values to point at."""

from __future__ import annotations

import io
import math
import re
from html import escape
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, Transform
from numpy.typing import ArrayLike

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Key, Part, Spot, series_of
from gridcell.plots.svg_elements import NAMED, hatching, number, paint, part as as_part

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_REACH = 7.0  # pixels from a point within which it tells its value

_LETTERS = {name: word for name, word in NAMED.items() if word != "paper"}
"""Those of text: white letters stand on a colour that is the same in the dark."""


def to_svgs(figure: Drawing, label: str) -> list[str]:
    """Draw a figure as ``<svg>`` elements for a page, one for each of its parts.

    Title and legend are left out: a page writes them. Colours of ``style`` become classes (``F0`` fills with
    the first of the palette, ``Sink`` strokes in ink, ``Fpaper`` is the background). What belongs to a series
    has ``data-s``, what tells a value ``data-t``.

    Args:
        figure: from ``gridcell.plots``; it is laid out but not changed.
        label: what is seen, read out in place of the figure.
    """
    if figure.svgs is not None:
        return figure.svgs(label)
    width, height = figure.get_size_inches()
    if figure.stale:  # not drawn yet: where things go isn't settled
        figure.draw_without_rendering()
    shown = figure.parts or [Part(0, 0, width, height - figure.heading)]
    return [_draw_part(figure, part, label) for part in shown]


def sign_svg(key: Key) -> str:
    """Draw the legend's sign of a series."""
    sign = key.sign
    if isinstance(sign, Line2D):
        colour = f"S{NAMED.get(to_hex(str(sign.get_color())), 'ink')}"
        dashes = {"--": ' stroke-dasharray="6 3"', "-.": ' stroke-dasharray="6 2 1 2"'}
        dashes[":"] = ' stroke-dasharray="2 2"'
        line = str(sign.get_linestyle())
        drawn = "" if line in ("", "None", " ") else f'<path d="M0 6H24"{dashes.get(line, "")}/>'
        marker = "" if sign.get_marker() in ("", "None", None) else '<circle cx="12" cy="6" r="3"/>'
        fill = colour.replace("S", "F", 1)
        return f'<svg width="24" height="12" class="{colour} {fill}" aria-hidden="true">{drawn}{marker}</svg>'
    face: Any = sign.get_facecolor()  # type: ignore[attr-defined]
    name = NAMED.get(to_hex(face), "ink")
    hatched = hatching(0, 0, 16, 12, str(sign.get_hatch()))  # type: ignore[attr-defined]
    return (
        f'<svg width="16" height="12" class="F{name} Spaper" aria-hidden="true">'
        f'<path d="M0 0H16V12H0z" stroke="none"/>{hatched}</svg>'
    )


def _draw_part(figure: Drawing, part: Part, label: str) -> str:
    dpi = figure.dpi
    box = Bbox.from_bounds(*(dpi * edge for edge in (part.left, part.bottom, part.width, part.height)))
    pen = _Pen(figure, box)
    inside = [axes for axes in figure.axes if box.contains(*_centre(axes.get_window_extent()))]
    for axes in inside:
        axes.draw(pen)
    top = figure.bbox.height - dpi * figure.heading
    for text in figure.texts:
        x, y = text.get_transform().transform(text.get_position())
        if box.contains(x, y) and y < top + 1:
            text.draw(pen)
    for spot in figure.spots:
        if spot.axes in inside:
            pen.spot(spot)
    return as_part(label, box.width, box.height, pen.out, alone=part.alone)


def _centre(box: Bbox) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


class _Pen(RendererBase):
    """What matplotlib draws on: pixels of a box of the figure, y downwards."""

    def __init__(self, figure: Drawing, box: Bbox) -> None:
        super().__init__()
        self.out: list[str] = []
        self._figure = figure
        self._metrics = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        self._down = Affine2D().translate(-box.x0, -box.y1).scale(1, -1)
        self._opened: list[bool] = []

    def flipy(self) -> bool:
        return False

    def points_to_pixels(self, points: Any) -> Any:
        return points * self._figure.dpi / 72

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._figure.bbox.width, self._figure.bbox.height

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | str
    ) -> tuple[float, float, float]:
        width, height, descent = self._metrics.get_text_width_height_descent(s, prop, ismath)
        return width, height, descent

    def open_group(self, s: str, gid: str | None = None) -> None:
        series = series_of(gid)
        self._opened.append(series is not None)
        if series is not None:
            self.out.append(f'<g data-s="{series}">')

    def close_group(self, s: str) -> None:
        if self._opened.pop():
            self.out.append("</g>")

    def draw_path(
        self, gc: GraphicsContextBase, path: Path, transform: Transform, rgbFace: Any = None
    ) -> None:
        moved = transform + self._down
        look = self._look(gc, rgbFace)
        if look is None:
            return
        shape = _shape(path, moved, closed=rgbFace is not None)
        if shape is None:
            return
        self.out.append(self._clipped(f"<{shape} {look}/>", gc, path, moved))
        if hatch := gc.get_hatch():
            corners = moved.transform(path.vertices)[:4]
            low = corners.min(axis=0)
            stroke = paint("S", gc.get_hatch_color())
            width, height = corners.max(axis=0) - low
            self.out.append(f"<g {stroke}>{hatching(low[0], low[1], width, height, hatch)}</g>")

    def draw_image(
        self, gc: GraphicsContextBase, x: float, y: float, im: ArrayLike, transform: Any = None
    ) -> None:
        from PIL import Image

        pixels = np.asarray(im)
        height, width = pixels.shape[:2]
        buffer = io.BytesIO()
        Image.fromarray(pixels[::-1]).save(buffer, "PNG")
        left, top = self._down.transform((x, y + height))
        uri = style.to_data_uri(buffer.getvalue())
        self.out.append(
            f'<image x="{number(left)}" y="{number(top)}" width="{width}" height="{height}" href="{uri}"/>'
        )

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: bool | str = False,
        mtext: Text | None = None,
    ) -> None:
        s = _plain(s) if ismath else s
        anchor = "start"
        if mtext is not None and (angle == 0 or mtext.get_rotation_mode() == "anchor"):
            # The browser's font is not matplotlib's: hold the text at the point that it is aligned to.
            own_x, own_y = mtext.get_transform().transform(mtext.get_unitless_position())
            across = np.array([-math.sin(math.radians(angle)), math.cos(math.radians(angle))])
            x, y = np.array([own_x, own_y]) + across * float(across @ (np.array([x, y]) - [own_x, own_y]))
            anchor = {"left": "start", "right": "end"}.get(str(mtext.get_horizontalalignment()), "middle")
        left, top = self._down.transform((x, y))
        place = f'x="{number(left)}" y="{number(top)}"'
        turn = f' transform="rotate({number(-angle)} {number(left)} {number(top)})"' if angle else ""
        size = number(self.points_to_pixels(prop.get_size_in_points()))
        bold = ' font-weight="600"' if prop.get_weight() in ("bold", 700) else ""
        held = "" if anchor == "start" else f' text-anchor="{anchor}"'
        colour = paint("F", gc.get_rgb(), known=_LETTERS)
        self.out.append(f'<text {place} {colour} font-size="{size}"{bold}{held}{turn}>{escape(s)}</text>')

    def spot(self, spot: Spot) -> None:
        """Add an unseen area that tells its text."""
        series = "" if spot.series is None else f' data-s="{spot.series}"'
        told = f'class="hit"{series} data-t="{escape(spot.text)}"'
        ends = [(edge if isinstance(edge, tuple) else (edge, edge)) for edge in (spot.x, spot.y)]
        corners = self._down.transform(spot.axes.transData.transform(np.transpose(ends)))
        if not np.isfinite(corners).all():
            return
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        if isinstance(spot.x, tuple):
            place = f'x="{number(x0)}" y="{number(y0)}"'
            self.out.append(
                f'<rect {place} width="{number(x1 - x0)}" height="{number(max(y1 - y0, 3))}" {told}/>'
            )
        else:
            self.out.append(f'<circle cx="{number(x0)}" cy="{number(y0)}" r="{_REACH:g}" {told}/>')

    def _look(self, gc: GraphicsContextBase, face: Any) -> str | None:
        """Return the attributes of what is painted; None if nothing would be seen."""
        alpha = gc.get_alpha()
        forced = alpha if gc.get_forced_alpha() else None
        seen = face is not None and (len(face) < 4 or face[3] > 0)
        width = gc.get_linewidth()
        edge = gc.get_rgb()
        stroked = width > 0 and (len(edge) < 4 or edge[3] > 0)
        if not seen and not stroked:
            return None
        fill = paint("F", face) if seen else ""
        parts = [] if fill else ['fill="none"']
        if seen:
            opacity = forced if forced is not None else (face[3] if len(face) > 3 else 1.0)
            parts += [f'fill-opacity="{number(opacity, 2)}"'] if opacity < 1 else []
        stroke = ""
        if stroked:
            stroke = paint("S", edge)
            parts += [f'stroke-width="{number(width)}"'] if round(width, 1) != 1 else []
            _, dashes = gc.get_dashes()
            if dashes is not None:
                parts.append(f'stroke-dasharray="{" ".join(map(number, np.ravel(dashes)))}"')
        return " ".join([_merged(fill, stroke), *parts]).strip()

    def _clipped(self, element: str, gc: GraphicsContextBase, path: Path, moved: Transform) -> str:
        """Cut an element off at matplotlib's window: a viewport of its own does it without a reference."""
        window = gc.get_clip_rectangle()
        if window is None:
            return element
        box = Bbox(self._down.transform(window))
        low, size = np.array([min(box.x0, box.x1), min(box.y0, box.y1)]), np.abs([box.width, box.height])
        points = moved.transform(path.vertices)
        points = points[np.isfinite(points).all(axis=1)]
        if ((points >= low - 3) & (points <= low + size + 3)).all():
            return element
        x, y, width, height = map(number, (*low, *size))
        view = f'viewBox="{x} {y} {width} {height}"'
        return f'<svg x="{x}" y="{y}" width="{width}" height="{height}" {view}>{element}</svg>'


def _plain(formula: str) -> str:
    r"""Write the few formulas that matplotlib's ticks have as plain text.

    Example:
        >>> _plain(r"$\mathdefault{10^{-3}}$")
        '10⁻³'
    """
    text = formula.replace("$", "").replace(r"\mathdefault", "").replace(r"\times", "×").replace("−", "-")
    text = re.sub(r"\^\{([-0-9]+)\}", lambda found: found[1].translate(_RAISED), text)
    return re.sub(r"[{}\\]", "", text).replace("-", "−")


def _shape(path: Path, moved: Transform, *, closed: bool) -> str | None:
    """Return a path's element without its look, as a rectangle or circle where it is one; None: empty."""
    points = moved.transform(path.vertices)
    codes = path.codes
    if len(points) == 26 and codes is not None and set(np.asarray(codes)[1:-1].tolist()) == {Path.CURVE4}:
        low, high = points.min(axis=0), points.max(axis=0)
        (x, y), (rx, ry) = (low + high) / 2, (high - low) / 2
        if abs(rx - ry) < 0.1:
            return f'circle cx="{number(x)}" cy="{number(y)}" r="{number(rx)}"'
    if closed and len(points) == 5 and np.isfinite(points).all():
        low, high = points[:4].min(axis=0), points[:4].max(axis=0)
        at_edge = np.isclose(points[:4], low, atol=0.05) | np.isclose(points[:4], high, atol=0.05)
        diagonal = np.ptp(points[:4:2], axis=0)
        if at_edge.all() and np.allclose(diagonal, high - low, atol=0.1):
            x, y, width, height = map(number, (*low, *(high - low)))
            return f'rect x="{x}" y="{y}" width="{width}" height="{height}"'
    words: list[str] = []
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
    for values, code in path.iter_segments(moved, remove_nans=True, simplify=len(points) > 100):
        if code == Path.CLOSEPOLY:
            words.append("z")
        elif code != Path.STOP:
            words.append(letters[code] + " ".join(number(value) for value in values))
    return f'path d="{"".join(words)}"' if len(words) > 1 else None


def _merged(fill: str, stroke: str) -> str:
    if fill.startswith("class") and stroke.startswith("class"):
        return f"{fill[:-1]} {stroke[len('class=') + 1 :]}"
    return f"{fill} {stroke}".strip()
