"""Films: what is written beside a frame."""

import numpy as np
from PIL import Image

from farmap.report.film import Recording, side_by_side, write_films


def test_the_share_seen_is_of_what_can_be_seen_and_not_of_what_was_seen_in_the_end():
    free = np.zeros((6, 6), bool)
    free[2, 2] = True  # so nine cells can be seen
    frames = np.zeros((2, 6, 6), np.uint8)
    frames[0, 2, 2] = 2
    frames[1, 1:4, 2:4] = 1
    recording = Recording(free, frames, np.array([0, 1]), np.zeros((2, 4), np.int64))
    assert recording.seen(0) == 1 / 9
    assert recording.seen(1) == 6 / 9


def recording(side, steps):
    """A run along the first row of an empty map."""
    moments = np.arange(0, steps, 2)
    frames = np.ones((len(moments), side, side), np.uint8)
    poses = np.zeros((steps, 4), np.int64)
    poses[:, :2] = 1
    poses[:, 1] += np.arange(steps)
    free = np.zeros((side, side), bool)
    free[1:-1, 1:-1] = True
    return Recording(free, frames, moments, poses)


def test_runs_on_one_map_are_filmed_side_by_side(tmp_path):
    films = {"a-b-large-0": recording(40, 9), "c-large-0": recording(40, 25), "a-large-1": recording(41, 9)}
    assert side_by_side(films) == {"together-large-0": ["a-b-large-0", "c-large-0"]}
    assert write_films(films, tmp_path) == [*films, "together-large-0"]
    with (
        Image.open(tmp_path / "film-together-large-0.gif") as both,
        Image.open(tmp_path / "film-c-large-0.gif") as alone,
    ):
        assert both.n_frames == 25
        assert alone.n_frames == 13
        assert both.width > both.height
