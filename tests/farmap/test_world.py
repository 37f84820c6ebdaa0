"""Maps: as specified, the same everywhere, and read from files; what can be seen of them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from scipy import ndimage

from farmap.world.layout import components, draw_floor_plan
from farmap.world.maps import SCALE, SIZES, draw_world, fingerprint, from_array, read_map, read_world
from farmap.world.view import WINDOW, look, rays
from gridcell.errors import UserError

PLAN = ["#######", "#..#..#", "#.....#", "#######", "#.....#", "#######"]


def is_one_piece(free):
    return ndimage.label(free)[1] == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_thousand_maps_are_as_specified(size):
    seen = set()
    for index in range(334):
        world = draw_world(size, index)
        free = world.colours == 0
        low, high = SIZES[size]
        assert low <= world.visible_cells < high
        assert is_one_piece(free)
        assert free.sum() == free[1:-1, 1:-1].sum()
        height, width = world.shape
        squares = world.colours.reshape(height // SCALE, SCALE, width // SCALE, SCALE)
        assert (squares == squares[:, :1, :, :1]).all()
        colours = squares[:, 0, :, 0]
        walls = colours[colours > 0]
        assert len(set(walls.tolist())) == len(walls)
        seen.add(fingerprint(world))
    assert len(seen) > 325  # the simplest plans may come twice


def test_a_map_is_the_same_in_any_process():
    code = "from farmap.world.maps import *; print(fingerprint(draw_world('medium', 7, 3)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(draw_world("medium", 7, 3))
    assert fingerprint(draw_world("medium", 7, 4)) != done.stdout.strip()


@given(st.integers(0, 2**32))
def test_floor_plans_stay_within_their_bounds(seed):
    free, side = draw_floor_plan(np.random.default_rng(seed))
    assert 3 <= side <= 7
    assert all(3 * side + 2 + 2 <= extent <= 7 * side + 6 * 3 + 2 for extent in free.shape)
    for part in components(free, 3 * side**2):
        assert part.sum() > 3 * side**2
        assert is_one_piece(part)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.1, 0.6))
def test_what_can_be_seen_is_what_is_seen_from_everywhere(seed, share):
    world = from_array(np.random.default_rng(seed).random((9, 11)) < share)
    seen = np.zeros(world.shape, bool)
    view = np.empty((WINDOW, WINDOW), np.int32)
    for row, column in world.free_cells:
        for heading in range(4):
            look(world.colours, row, column, heading, *rays(), view, seen)
    np.testing.assert_array_equal(seen, world.visible)


def test_maps_are_read_from_text_images_and_arrays(tmp_path):
    array = np.array([[letter == "#" for letter in line] for line in PLAN])
    (tmp_path / "plan.txt").write_text("\n".join(PLAN) + "\n")
    np.save(tmp_path / "plan.npy", array)
    Image.fromarray((array * 255).astype(np.uint8)).save(tmp_path / "plan.png")
    worlds = [read_world(tmp_path / name, 2) for name in ("plan.txt", "plan.npy", "plan.png")]
    assert len({fingerprint(world) for world in worlds}) == 1
    free = worlds[0].colours == 0
    assert free.sum() == 9 * 4  # the larger of the two rooms, doubled
    assert is_one_piece(free)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("plan.txt", "###\n###\n", "no free cell"),
        ("plan.csv", "0", "from .png, .npy or .txt"),
        ("nowhere.txt", None, "no map file"),
    ],
)
def test_a_file_that_is_no_map_is_refused(name, content, sentence, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        read_world(tmp_path / name)


def save_array(array):
    return lambda path: np.save(path, array, allow_pickle=True)


def save_bytes(content):
    return lambda path: path.write_bytes(content)


def save_archive(path):
    with path.open("wb") as file:
        np.savez(file, plan=np.zeros((3, 3)))


def truncated_image(path):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:60])


def image_of_a_billion_rows(path):
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[22:26] = (10**9).to_bytes(4, "little")  # its height, as the header has it
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("plan.png", save_bytes(b"GIF or what?")),
        ("plan.png", save_bytes(b"")),
        ("plan.png", truncated_image),
        ("plan.gif", save_bytes(b"GIF89a")),
        ("plan.bmp", image_of_a_billion_rows),
        ("plan.txt", save_bytes(b"")),
        ("plan.txt", save_bytes(b"\n\n")),
        ("plan.txt", save_bytes(b"\x89PNG\xff\xfe\x00")),
        ("plan.npy", save_bytes(b"")),
        ("plan.npy", save_bytes(b"garbage")),
        ("plan.npy", save_bytes(b"\x93NUMPY\x01\x00garbage")),
        ("plan.npy", save_bytes(b"\x93NUMPY\x01\x00\x13\x00{'descr': '|b1', (2\n")),
        ("plan.npy", save_array(np.zeros((0, 3)))),
        ("plan.npy", save_array(np.zeros((3, 0)))),
        ("plan.npy", save_array(np.zeros(()))),
        ("plan.npy", save_array(np.ones((3, 3)))),
        ("plan.npy", save_array(np.array([[0, None]], object))),
        ("plan.npy", save_array(np.zeros((2, 2), [("wall", int)]))),
        ("plan.npy", save_array(np.array([["0", "."]]))),
        ("plan.npy", save_archive),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_with_its_name(name, write, tmp_path):
    write(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name}'") as caught:
        read_world(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_answered_by_the_nearest_that_is(tmp_path):
    (tmp_path / "house.png").touch()
    (tmp_path / "notes.md").touch()
    with pytest.raises(UserError, match=r"did you mean '.*house\.png'") as caught:
        read_world(tmp_path / "hose.png")
    assert "notes" not in str(caught.value)


def test_an_array_of_other_dimensions_is_refused():
    with pytest.raises(UserError, match="two dimensions"):
        from_array(np.zeros((3, 3, 3)))


TABLE = np.array([[1, 1, 1, 1], [1, 0, 0, 12], [1, 0, 3, 1], [1, 1, 1, 1]])


@pytest.mark.parametrize(
    "options",
    [
        {"fmt": "%d"},
        {"fmt": "%3d"},
        {"fmt": "%d", "delimiter": ","},
        {"fmt": "%d", "delimiter": "\t"},
        {},
        {"fmt": "%d", "header": "a plan"},
        {"fmt": "%.1f", "delimiter": ", "},
    ],
    ids=str,
)
def test_what_savetxt_writes_is_a_table_of_numbers(options, tmp_path):
    np.savetxt(tmp_path / "plan.txt", TABLE, **options)
    own = read_map(tmp_path / "plan.txt")
    assert fingerprint(own.world) == fingerprint(from_array(TABLE))
    assert own.said == ("plan.txt: read as a table of numbers, of which 0 is free",)


def test_truth_values_that_savetxt_writes_are_a_table(tmp_path):
    np.savetxt(tmp_path / "plan.txt", TABLE != 0, fmt="%s")
    assert fingerprint(read_world(tmp_path / "plan.txt")) == fingerprint(from_array(TABLE))


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("#####\n#0.0#\n#####", 3),
        ("#####\n#   #\n#####", 3),
        ("11111\n10001\n11111", 3),
        ("111 111\n111 111\n1111111", 2),  # no 0: the blanks are free
        ("# 0 #\n#   #", 6),
        ("1\n0\n1", 1),
        ("\ufeff###\n#0#\n###", 1),
    ],
)
def test_letters_stay_letters(text, free, tmp_path):
    (tmp_path / "plan.txt").write_text(text + "\n", encoding="utf-8")
    assert len(read_world(tmp_path / "plan.txt").free_cells) == free


def test_a_table_without_a_0_has_nothing_free(tmp_path):
    (tmp_path / "plan.txt").write_text("1,1,1\n1,2,1\n")
    with pytest.raises(UserError, match="a table in which no number is 0"):
        read_map(tmp_path / "plan.txt")


def test_a_world_that_no_memory_holds_is_refused():
    with pytest.raises(UserError, match="world of 15000 x 15000 cells at a scale of 3000"):
        from_array(np.zeros((3, 3)), scale=3000)


def test_a_table_of_unequal_rows_is_refused(tmp_path):
    (tmp_path / "plan.txt").write_text("1,0,1\n1,0\n")
    with pytest.raises(UserError, match=r"plan\.txt' looks like a table, but not all its rows"):
        read_world(tmp_path / "plan.txt")


def walls_on_paper(margin):
    """A picture of white rooms with black walls around them, and of the paper around these."""
    walls = np.zeros((24, 40), bool)
    walls[[0, -1]] = walls[:, [0, -1]] = walls[:, 20] = True
    walls[10:13, 20] = False
    return np.where(np.pad(walls, margin), 0, 255).astype(np.uint8), ~walls


@pytest.mark.parametrize(
    ("margin", "sentence"),
    [(0, "reach the border of the picture"), (4, "look like walls around white rooms")],
)
def test_a_picture_whose_white_is_free_is_doubted_and_read_by_the_setting(margin, sentence, tmp_path):
    picture, rooms = walls_on_paper(margin)
    Image.fromarray(picture).save(tmp_path / "plan.png")
    (doubt,) = read_map(tmp_path / "plan.png").said
    assert sentence in doubt
    assert "if white is free, set files.free to white" in doubt
    if not margin:
        own = read_map(tmp_path / "plan.png", free="white")
        assert fingerprint(own.world) == fingerprint(from_array(~rooms))
        assert own.said == ()


@pytest.mark.parametrize("seed", range(5))
def test_generated_plans_as_pictures_are_not_doubted(seed, tmp_path):
    world = draw_world("medium", seed)
    Image.fromarray(np.where(world.colours == 0, 0, 255).astype(np.uint8)).save(tmp_path / "plan.png")
    own = read_map(tmp_path / "plan.png")
    assert own.said == ()
    assert len(own.world.free_cells) == len(world.free_cells)


def test_pictures_of_16_bits_or_with_transparency_mean_what_is_seen(tmp_path):
    picture, rooms = walls_on_paper(0)
    deep = picture.astype(np.uint16) * 257
    deep[5, 5] = 3  # nearly black is no black
    Image.fromarray(deep).save(tmp_path / "deep.png")
    own = read_map(tmp_path / "deep.png", free="white")
    assert own.said == ("deep.png: 1 squares that are neither black nor white are read as walls",)
    assert len(own.world.free_cells) == rooms.sum() - 1
    drawn = np.dstack([np.zeros((*picture.shape, 3), np.uint8), 255 - picture])  # transparent where rooms are
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    assert fingerprint(read_world(tmp_path / "drawn.png", free="white")) == fingerprint(from_array(~rooms))


def test_squares_that_are_not_connected_are_counted(tmp_path):
    (tmp_path / "plan.txt").write_text("#####\n#0#0#\n#0###\n#####\n")
    assert read_map(tmp_path / "plan.txt").said == (
        "plan.txt: 1 of 3 free squares are not connected with the rest: left out",
    )
