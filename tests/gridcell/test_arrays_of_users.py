"""The user's .npz files, and the ways in which they can't be read."""

import numpy as np
import pytest

from generalization_difficulty.data.files import open_data
from gridcell.data.arrays import open_npz
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from inductive_bias.problems.sources import from_npz


@pytest.fixture
def archive(tmp_path):
    draws = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=draws.random((50, 4)), y=draws.integers(0, 2, 50), names=np.array([{}]))
    return tmp_path / "mine.npz"


def test_arrays_are_read_when_asked_for(archive):
    """Python objects that nobody asks for are no hindrance."""
    with open_npz(archive) as arrays:
        assert set(arrays) == {"x", "y", "names"}
        assert arrays["x"].shape == (50, 4)
    assert from_npz(archive).x.shape == (50, 4)
    assert [len(points) for points, _ in open_data(str(archive))] == [50]
    with pytest.raises(UserError, match="can't be read as arrays of numbers"), open_npz(archive) as arrays:
        arrays["names"]


@pytest.mark.parametrize("read", [from_npz, lambda path: open_data(str(path))])
@pytest.mark.parametrize("damage", ["cut short", "flipped", "empty", "one array", "text"])
def test_what_is_no_archive_is_one_sentence(archive, read, damage):
    content = archive.read_bytes()
    if damage == "cut short":
        archive.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        archive.write_bytes(content[:300] + bytes([content[300] ^ 255]) + content[301:])
    elif damage == "empty":
        archive.write_bytes(b"")
    elif damage == "one array":
        with archive.open("wb") as file:
            np.save(file, np.ones((4, 2)))
    else:
        archive.write_text("no archive")
    with pytest.raises(UserError, match=r"mine\.npz' can't be read as arrays of numbers: .") as caught:
        read(archive)
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)  # NumPy advises to load them unsafely


def test_a_file_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(UserError, match=r"There is no data file .*none\.npz"),
        open_npz(tmp_path / "none.npz"),
    ):
        pass


def test_an_archive_named_npy_is_said_to_be_one(archive):
    archive.rename(archive.with_suffix(".npy"))
    np.save(archive.with_name("labels.npy"), np.ones(3))
    with pytest.raises(UserError, match=r"is an \.npz archive and no single array"):
        open_data(str(archive.with_suffix(".npy")), str(archive.with_name("labels.npy")))


def planned(task, tmp_path, points, labels):
    """Plan a suite of a task on arrays of the user's own."""
    np.savez(tmp_path / "own.npz", x=points, y=labels)
    own = {
        "generalization-difficulty": f"data: {{path: {tmp_path / 'own.npz'}}}\n",
        "inductive-bias": f"problems: {{mine: {{source: npz, path: {tmp_path / 'own.npz'}}}}}\n"
        "spaces: {rbf: {kind: rbf}}\ntraining_size: 20\ntest_points: 20\n",
    }[task]
    (tmp_path / "own.yaml").write_text(own)
    return load_suite(find_task(task), str(tmp_path / "own.yaml")).grid()


@pytest.mark.parametrize("task", ["generalization-difficulty", "inductive-bias"])
def test_planning_refuses_arrays_that_no_cell_could_use(tmp_path, task):
    draws = np.random.default_rng(0)
    points, labels = draws.random((50, 4)), draws.integers(0, 2, 50)
    assert planned(task, tmp_path, points, labels).cells
    for value in (np.nan, np.inf):
        bad = points.copy()
        bad[7, 3] = value
        with pytest.raises(UserError, match=r"Point 7 of '.*own\.npz' holds a value that is not finite"):
            planned(task, tmp_path, bad, labels)
    with pytest.raises(UserError, match=r"own\.npz' are (of one class|equal): there is nothing to"):
        planned(task, tmp_path, points, np.zeros(50, int))
    with pytest.raises(UserError, match="equally many"):
        planned(task, tmp_path, points, labels[:40])


def test_planning_looks_at_mapped_points_and_at_how_many_there_are(tmp_path):
    np.save(tmp_path / "x.npy", np.where(np.arange(60).reshape(20, 3) == 31, np.inf, 1.0))
    np.save(tmp_path / "y.npy", np.arange(20) % 2)
    data = f"data: {{path: {tmp_path / 'x.npy'}, labels: {tmp_path / 'y.npy'}}}\n"
    (tmp_path / "own.yaml").write_text(data)
    with pytest.raises(UserError, match=r"Point 10 of '.*x\.npy' holds a value that is not finite"):
        load_suite(find_task("generalization-difficulty"), str(tmp_path / "own.yaml")).grid()
    draws = np.random.default_rng(0)
    with pytest.raises(UserError, match="has 30 points, fewer than 20 for training and 20 for testing"):
        planned("inductive-bias", tmp_path, draws.random((30, 4)), draws.integers(0, 2, 30))
