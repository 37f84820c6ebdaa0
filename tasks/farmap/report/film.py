"""A recorded run as pictures: a filmstrip, and an animation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from farmap.world.maps import World

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

_PIXELS = 6  # per cell in the animation, less for large maps
_LARGEST = 640  # pixels
_WALL, _FREE = (0.20, 0.22, 0.25), (1.0, 1.0, 1.0)
_UNSEEN = 0.62  # how far what is unseen is faded into grey
_GREY = (0.74, 0.76, 0.79)
_TINT = (0.84, 0.37, 0.0)  # of the fragment in use


@dataclass(frozen=True, eq=False)
class Recording:
    """A run, as the film cell left it.

    Attributes:
        free: bool (height, width), the true map.
        frames: uint8 (frames, height, width): 0 unseen, 1 seen, 2 in the fragment in use.
        moments: int64 (frames,), steps of the frames.
        poses: int64 (steps + 1, 4): row, column, heading, number of the fragment at each step.
    """

    free: NDArray[np.bool_]
    frames: NDArray[np.uint8]
    moments: NDArray[np.int64]
    poses: NDArray[np.int64]

    def graph(self, step: int) -> tuple[dict[int, tuple[float, float]], set[tuple[int, int]]]:
        """Return the fragments up to a step: number -> mean position in them, and pairs gone between."""
        poses = self.poses[: step + 1]
        numbers = poses[:, 3]
        nodes = {int(n): tuple(poses[numbers == n, :2].mean(axis=0).tolist()) for n in np.unique(numbers)}
        changes = np.flatnonzero(np.diff(numbers))
        edges = {tuple(sorted((int(numbers[i]), int(numbers[i + 1])))) for i in changes}
        return nodes, edges  # type: ignore[return-value]

    def seen(self, frame: int) -> float:
        """Return what share of the cells that can be seen was seen by then."""
        return float((self.frames[frame] > 0).sum()) / World((~self.free).astype(np.int32)).visible_cells

    def colours(self, frame: int) -> NDArray[np.float64]:
        """Return a frame as an image, float (height, width, 3) in [0, 1]."""
        image = np.where(self.free[..., None], _FREE, _WALL)
        state = self.frames[frame][..., None]
        image = np.where(state == 0, (1 - _UNSEEN) * image + _UNSEEN * np.array(_GREY), image)
        return np.where(state == 2, 0.62 * image + 0.38 * np.array(_TINT), image)


def filmstrip(recording: Recording, title: str, pictures: int = 6) -> "Figure":
    """Draw some moments of a run beside each other: true map, known area, present fragment, graph."""
    from gridcell.plots import style

    chosen = np.unique(np.rint(np.linspace(0, len(recording.moments) - 1, pictures)).astype(int))
    height, width = recording.free.shape
    across = 3
    side = 3.3
    down = -(-len(chosen) // across)
    tall = side * height / width
    figure = style.new_figure(across * (side + 0.15) + 0.15, down * (tall + 0.35) + 0.75)
    top = figure.get_size_inches()[1]
    style.write(figure, 0.15, top - 0.28, title, fontsize=style.TITLE_SIZE, weight="bold")
    style.write(
        figure,
        0.15,
        top - 0.52,
        "Dark: wall. Faded: not seen yet. Orange: the fragment in use. Blue: fragments, tied where the agent "
        "went between. Triangle: agent.",
        fontsize=style.TICK_SIZE,
    )
    for number, frame in enumerate(chosen):
        x = 0.15 + (number % across) * (side + 0.15)
        y = top - 0.65 - (number // across + 1) * (tall + 0.35)
        axes = style.place(figure, x, y + 0.05, side, tall)
        _draw(axes, recording, int(frame))
    return figure


def _draw(axes: "Axes", recording: Recording, frame: int) -> None:
    from gridcell.plots import style

    step = int(recording.moments[frame])
    axes.imshow(recording.colours(frame), interpolation="nearest")
    nodes, edges = recording.graph(step)
    for one, other in sorted(edges):
        (r1, c1), (r2, c2) = nodes[one], nodes[other]
        axes.plot([c1, c2], [r1, r2], color=style.colour(0), linewidth=1.0)
    if len(nodes) > 1:
        rows, columns = zip(*nodes.values(), strict=True)
        axes.plot(columns, rows, "o", color=style.colour(0), markersize=3.5)
    row, column, heading, _ = recording.poses[step]
    axes.plot([column], [row], marker="^v<>"[heading], color="black", markersize=5)
    count = len(nodes)
    axes.set_title(
        f"step {step:,}, {100 * recording.seen(frame):.0f} % seen, {count} fragment{'s' * (count > 1)}",
        fontsize=style.TICK_SIZE,
        color=style.INK,
        loc="left",
    )
    axes.set_axis_off()


def write_films(recordings: Mapping[str, Recording], out: Path) -> list[str]:
    """Write each recording as ``film-NAME.gif``, and those on one map beside each other; return the names.

    Args:
        recordings: by name, ``AGENT-MAP``.
        out: a folder that is there.
    """
    for name, recording in recordings.items():
        write_animation(recording, out / f"film-{name}.gif")
    together = side_by_side(recordings)
    for name, names in together.items():
        images = _together({other: recordings[other] for other in names})
        _save(images, out / f"film-{name}.gif")
    return [*recordings, *together]


def side_by_side(recordings: Mapping[str, Recording]) -> dict[str, list[str]]:
    """Return which recordings are on one map: name of the film of them all -> their names."""
    groups: dict[bytes, list[str]] = {}
    for name, recording in recordings.items():
        groups.setdefault(f"{recording.free.shape}".encode() + recording.free.tobytes(), []).append(name)
    return {f"together-{_ending(names)}": names for names in groups.values() if len(names) > 1}


def _ending(names: Sequence[str]) -> str:
    """Return what names have in common at their end, in whole words: the map of ``AGENT-MAP``."""
    words = [name.split("-")[::-1] for name in names]
    shared = [group[0] for group in takewhile(lambda group: len(set(group)) == 1, zip(*words, strict=False))]
    return "-".join(shared[::-1])


def write_animation(recording: Recording, path: Path, milliseconds: int = 120) -> None:
    """Write all frames as an animated GIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = _scale(recording)
    frames = enumerate(recording.moments.tolist())
    _save([_image(recording, frame, step, scale).quantize(32) for frame, step in frames], path, milliseconds)


def _save(images: "Sequence[Image]", path: Path, milliseconds: int = 120) -> None:
    durations = [milliseconds] * (len(images) - 1) + [2_000]  # rest on the last
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)


def _together(recordings: Mapping[str, Recording], frames: int = 60) -> "list[Image]":
    """Draw runs on one map beside each other, at the same steps, each resting once it is over."""
    from PIL import Image, ImageDraw

    scale = max(2, _scale(next(iter(recordings.values()))) * 2 // 3)
    last = max(int(recording.moments[-1]) for recording in recordings.values())
    images = []
    for step in np.unique(np.rint(np.linspace(0, last, frames)).astype(int)).tolist():
        shown = []
        for name, recording in recordings.items():
            frame = int(np.searchsorted(recording.moments, step, side="right")) - 1
            at = min(step, int(recording.moments[-1]))
            picture = _image(recording, frame, at, scale)
            told = Image.new("RGB", (picture.width, picture.height + 16), "white")
            told.paste(picture, (0, 16))
            text = f"{name}: step {at:,}, {100 * recording.seen(frame):.0f} % seen"
            ImageDraw.Draw(told).text((2, 2), text, fill=(0, 0, 0))
            shown.append(told)
        whole = Image.new(
            "RGB", (sum(one.width for one in shown) + 8 * (len(shown) - 1), shown[0].height), "white"
        )
        left = 0
        for one in shown:
            whole.paste(one, (left, 0))
            left += one.width + 8
        images.append(whole.quantize(48))
    return images


def _scale(recording: Recording) -> int:
    return max(2, min(_PIXELS, _LARGEST // max(recording.free.shape)))


def _image(recording: Recording, frame: int, step: int, scale: int) -> "Image":
    from PIL import Image, ImageDraw

    pixels = (255 * recording.colours(frame)).astype(np.uint8)
    height, width = recording.free.shape
    image = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    nodes, edges = recording.graph(step)
    centre = {n: ((c + 0.5) * scale, (r + 0.5) * scale) for n, (r, c) in nodes.items()}
    for one, other in sorted(edges):
        pen.line([centre[one], centre[other]], fill=(0, 114, 178), width=2)
    for x, y in centre.values() if len(centre) > 1 else ():
        pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=(0, 114, 178))
    row, column, heading, _ = recording.poses[step].tolist()
    pen.polygon(_triangle((column + 0.5) * scale, (row + 0.5) * scale, heading, 1.1 * scale), fill=(0, 0, 0))
    return image


def _triangle(x: float, y: float, heading: int, size: float) -> list[tuple[float, float]]:
    dx, dy = ((0, -1), (0, 1), (-1, 0), (1, 0))[heading]
    tip = (x + dx * size, y + dy * size)
    base = (x - dx * size * 0.7, y - dy * size * 0.7)
    return [
        tip,
        (base[0] - dy * size * 0.8, base[1] + dx * size * 0.8),
        (base[0] + dy * size * 0.8, base[1] - dx * size * 0.8),
    ]
