"""Figures drawn from data frames show the numbers of the frame, and refuse what is ambiguous."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gridcell import plots
from gridcell.errors import UserError


@pytest.fixture
def frame():
    rows = [
        {"model": model, "method": method, "downstream": down, "seed": seed}
        for model in ("vit", "resnet")
        for method in ("ft", "lp")
        for down in ("v2", "r")
        for seed in (0, 1, 2)
    ]
    found = pd.DataFrame(rows)
    generator = np.random.default_rng(0)
    for name in ("accuracy.v2", "accuracy.r", "time"):
        found[name] = generator.uniform(0, 100, len(found)).round(2)
    found.attrs = {
        "labels": ["model", "method", "downstream", "seed"],
        "metrics": ["accuracy.v2", "accuracy.r", "time"],
    }
    return found


def written(axes):
    return [text.get_text() for text in axes.texts]


def test_a_matrix_shows_means_over_seeds_and_says_so(frame):
    figure = plots.matrix(frame)  # rows: the label whose values are the columns, too
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert set(panels) == {"vit, ft", "vit, lp", "resnet, ft", "resnet, lp"}
    part = frame[(frame.model == "vit") & (frame.method == "lp")]
    expected = [
        f"{part[part.downstream == down][f'accuracy.{key}'].mean():.1f}"
        for down in ("v2", "r")
        for key in ("v2", "r")  # in the order of the rows
    ]
    assert written(panels["vit, lp"]) == expected
    said = [axes.get_ylabel() for axes in figure.axes] + written(figure)
    assert "accuracy, mean of 3" in said


def test_a_matrix_of_one_metric_over_two_labels(frame):
    figure = plots.matrix(frame, "time", rows="model", columns="method", panels="downstream")
    (first, _, _) = figure.axes
    mean = frame[(frame.model == "vit") & (frame.method == "ft") & (frame.downstream == "v2")].time.mean()
    assert written(first)[0] == f"{mean:.1f}"


def test_bars_have_students_intervals_over_seeds(frame):
    figure = plots.bars(frame[frame.model == "vit"], "time", groups="downstream", series="method")
    part = frame[(frame.model == "vit") & (frame.method == "ft") & (frame.downstream == "v2")].time
    low, high = stats.t.interval(0.95, 2, part.mean(), stats.sem(part))
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert any(np.isclose(height, part.mean()) for height in heights)
    ends = [line.get_ydata() for line in figure.axes[0].lines] + [
        segment[:, 1] for each in figure.axes[0].collections for segment in each.get_segments()
    ]
    assert any(len(end) == 2 and np.allclose(sorted(end), [low, high]) for end in ends)


def test_lines_average_seeds():
    rows = [
        {"method": method, "seed": seed, "metric": "loss", "step": step, "value": seed + step + len(method)}
        for method in ("ft", "ewc")
        for seed in (0, 1)
        for step in (1, 2)
    ]
    curves = pd.DataFrame(rows)
    curves.attrs = {"labels": ["method", "seed"]}
    figure = plots.lines(curves)
    drawn = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert {(3.5, 4.5), (4.5, 5.5)} <= drawn


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda frame: plots.matrix(frame, "acuracy.*"), "no column 'acuracy.*': did you mean 'accuracy.*'"),
        (lambda frame: plots.matrix(frame, rows="modle"), "no column 'modle': did you mean 'model'"),
        (
            lambda frame: plots.matrix(frame, rows="downstream", panels="method"),
            "'v2, v2, ft' stands for 2 values",
        ),
        (lambda frame: plots.bars(frame, "time", groups="downstream"), "stands for 2 values of 'model'"),
        (lambda frame: plots.matrix(frame[frame.seed > 5], rows="model"), "nothing to draw"),
        (lambda frame: plots.matrix(frame, "accuracy.*", columns="model"), "leave 'columns' out"),
    ],
)
def test_what_is_wrong_or_ambiguous_is_refused(frame, call, said):
    with pytest.raises(UserError) as caught:
        call(frame)
    assert said in str(caught.value)


def test_figures_are_saved_as_their_ending_says_and_alike_each_time(frame, tmp_path):
    figure = plots.matrix(frame)
    files = plots.save_figure(figure, tmp_path / "a.svg", tmp_path / "in/b.pdf", tmp_path / "c.PNG")
    starts = [file.read_bytes() for file in files]
    assert [start[:5] for start in starts] == [b"<?xml", b"%PDF-", b"\x89PNG\r"]
    assert b"vit, lp</text>" in starts[0]  # text stays text
    again = plots.save_figure(
        plots.matrix(frame), tmp_path / "a.svg", tmp_path / "in/b.pdf", tmp_path / "c.PNG"
    )
    assert [file.read_bytes() for file in again] == starts
    with pytest.raises(UserError, match=r"Unknown ending of a figure's file '\.eps'"):
        plots.save_figure(figure, tmp_path / "a.eps")
