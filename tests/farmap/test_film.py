"""Films: what is written beside a frame."""

import numpy as np

from farmap.report.film import Recording


def test_the_share_seen_is_of_what_can_be_seen_and_not_of_what_was_seen_in_the_end():
    free = np.zeros((6, 6), bool)
    free[2, 2] = True  # so nine cells can be seen
    frames = np.zeros((2, 6, 6), np.uint8)
    frames[0, 2, 2] = 2
    frames[1, 1:4, 2:4] = 1
    recording = Recording(free, frames, np.array([0, 1]), np.zeros((2, 4), np.int64))
    assert recording.seen(0) == 1 / 9
    assert recording.seen(1) == 6 / 9
