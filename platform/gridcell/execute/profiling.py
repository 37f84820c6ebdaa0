"""Profiles of cells: where Python spends its time, as a flame graph, or which operators torch runs."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import FrameType

from gridcell.context import Reporter
from gridcell.debugging import PROFILE_FOLDER, Profile

CALLER = "attempt._run"
"""The function that calls the cell's."""

SAMPLE_EVERY_S = 0.01
TORCH_S = 30.0
"""Torch keeps each event in memory: its profile ends at the first report after so long."""

_ROW, _WIDTH, _SMALLEST = 17, 1200, 1.0  # pixels of a flame graph

Wrap = Callable[[Reporter | None], Reporter | None]
"""Wraps what receives a cell's reports."""


@contextmanager
def profiled(kind: Profile, outputs: Path) -> Iterator[Wrap]:
    """Profile what this thread does in the block, and write the profile into a cell's outputs.

    Args:
        kind: ``python``, ``torch`` or empty for none.
        outputs: folder of the cell's artifacts.
    """
    folder = outputs / PROFILE_FOLDER
    if kind == "python":
        with _sampled(folder):
            yield _as_it_is
    elif kind == "torch":
        with _operators(folder) as wrap:
            yield wrap
    else:
        yield _as_it_is


def _as_it_is(reporter: Reporter | None) -> Reporter | None:
    return reporter


@contextmanager
def _sampled(folder: Path) -> Iterator[None]:
    """Look at this thread's stack every ``SAMPLE_EVERY_S``; memory grows with distinct stacks alone."""
    watched, counts, ended = threading.get_ident(), Counter[tuple[str, ...]](), threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLE_EVERY_S):
            frame = sys._current_frames().get(watched)
            if frame is not None:
                counts[_of_cell(_stack(frame))] += 1

    sampler = threading.Thread(target=look, daemon=True, name="profiler")
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{';'.join(stack)} {count}" for stack, count in counts.most_common()]
        (folder / "stacks.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "flame.svg").write_text(flame_graph(counts), encoding="utf-8")


def _of_cell(stack: tuple[str, ...]) -> tuple[str, ...]:
    """Return the part of a stack that is the cell's own: below the attempt that calls its function."""
    above = next((place for place, name in enumerate(stack) if name == CALLER), -1)
    return stack[above + 1 :] or stack[-1:]


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        names.append(f"{Path(code.co_filename).stem}.{code.co_qualname}".replace(";", ","))
        frame = frame.f_back
    return tuple(reversed(names))


def flame_graph(counts: Mapping[tuple[str, ...], int]) -> str:
    """Draw stacks as a flame graph: width is the share of samples, callers lie above what they call.

    Args:
        counts: stack, outermost call first -> in how many samples it was seen.
    """
    total = sum(counts.values())
    boxes: list[str] = []
    deepest = 0

    def draw(stacks: Mapping[tuple[str, ...], int], left: float, depth: int) -> None:
        nonlocal deepest
        groups: dict[str, Counter[tuple[str, ...]]] = {}
        for stack, count in stacks.items():
            if stack:
                groups.setdefault(stack[0], Counter())[stack[1:]] += count
        for name, inner in sorted(groups.items()):
            count = sum(inner.values())
            width = count / total * _WIDTH
            if width >= _SMALLEST:
                deepest = max(deepest, depth)
                boxes.append(
                    _box(name, left, depth, width, f"{name}: {count / total:.1%} of {total} samples")
                )
                draw(inner, left, depth + 1)
            left += width

    draw(counts, 0.0, 1)
    boxes.insert(0, _box("all", 0, 0, _WIDTH, f"{total} samples, one every {SAMPLE_EVERY_S * 1000:g} ms"))
    height = (deepest + 1) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="monospace" font-size="11">\n' + "\n".join(boxes) + "\n</svg>\n"
    )


def _box(name: str, left: float, depth: int, width: float, told: str) -> str:
    hue = sum(map(ord, name)) % 40 + 15
    shown = escape(name[: int(width / 7)]) if width > 20 else ""
    return (
        f'<g><title>{escape(told)}</title><rect x="{left:.1f}" y="{depth * _ROW}" width="{width:.1f}" '
        f'height="{_ROW - 1}" fill="hsl({hue} 80% 70%)"/>'
        f'<text x="{left + 3:.1f}" y="{depth * _ROW + 12}">{shown}</text></g>'
    )


@contextmanager
def _operators(folder: Path) -> Iterator[Wrap]:
    """Let torch count its operators for ``TORCH_S`` seconds, or for the whole cell if that is shorter."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    profiler = profile(activities=activities)
    started, over = time.monotonic(), False
    profiler.start()

    def end() -> None:
        nonlocal over
        if over:
            return
        over = True
        profiler.stop()
        folder.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(folder / "trace.json"))
        by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        table = profiler.key_averages().table(sort_by=by, row_limit=60)
        (folder / "operators.txt").write_text(f"{table}\n", encoding="utf-8")

    def wrap(reporter: Reporter | None) -> Reporter:
        def report(step: int, metrics: Mapping[str, float]) -> None:
            if reporter is not None:
                reporter(step, metrics)
            if time.monotonic() - started > TORCH_S:
                end()

        return report

    try:
        yield wrap
    finally:
        end()
