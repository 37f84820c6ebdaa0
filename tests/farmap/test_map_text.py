"""Maps as text: what programs write is read as they mean it, and what may be two things is refused."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from farmap import task
from farmap.world.map_files import read_squares
from farmap.world.maps import read_map
from gridcell import UserError
from gridcell.suite import load_suite

GRID = np.ones((6, 9), int)
GRID[1:-1, 1:-1] = 0
GRID[2, 3] = GRID[3, 5] = 1


def saved(fmt="%d", **options):
    buffer = io.BytesIO()
    np.savetxt(buffer, GRID, fmt=fmt, **options)
    return buffer.getvalue().decode()


def drawn(wall="#", free="."):
    return "\n".join("".join(wall if value else free for value in row) for row in GRID) + "\n"


def squares(tmp_path, text, name="plan.txt"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_squares(tmp_path / name)


MOVING = "type octile\nheight 6\nwidth 9\nmap\n"

READ = {
    "exponents": saved("%.18e"),
    "shortest": saved("%g"),
    "signs": saved("%+d"),
    "hexadecimal": saved("%x"),
    "semicolons": saved(delimiter=";"),
    "bars": saved(delimiter="|"),
    "no separators": saved(delimiter=""),
    "ends of lines of Windows": saved(newline="\r\n"),
    "ends of lines of old Macs": saved(newline="\r"),
    "two lines of header": saved(header="a map\nof mine"),
    "a byte order mark": "\ufeff" + saved(),
    "a blank at each end": "".join(f" {line} \n" for line in saved().splitlines()),
    "an empty line in a table": saved()[:36] + "\n" + saved()[36:],
    "numbers that begin with a dot": saved().replace("0", ".0"),
    "small letters": saved().replace("0", "false").replace("1", "true"),
    "letters": drawn(),
    "letters and blanks": drawn(free=" "),
    "letters with blanks at the ends": drawn().replace("\n", "   \n"),
    "blocks": drawn("\u2588", "0"),
    "MovingAI": MOVING + drawn("@"),
    "MovingAI with trees, water and grass": MOVING + drawn("T").replace(".", "G", 3).replace("T", "W", 2),
}


@pytest.mark.parametrize("name", READ)
def test_text_is_read_as_it_is_meant(name, tmp_path):
    np.testing.assert_array_equal(squares(tmp_path, READ[name]).values != 0, GRID != 0)


MARK = saved().splitlines()
REFUSED = {
    "leading zeros": (saved("%02d"), "leading zeros"),
    "more leading zeros": (saved("%03d"), "leading zeros"),
    "a line at the end": (saved(footer="end"), "something else beside them"),
    "a header without a mark": (saved(header="a map", comments=""), "something else beside them"),
    "a header with another mark": (saved(header="a map", comments="% "), "may be"),
    "remarks": ("".join(f"{line} # wall\n" for line in MARK), "may be"),
    "a number short": (saved()[:-3] + "\n", "may be a table or letters"),
    "no number": (saved().replace("1", "nan", 1), "may be a table or letters"),
    "a printed array": (str(GRID) + "\n", "may be a table or letters"),
    "a printed list": ("\n".join(str(row.tolist()) for row in GRID), "looks like a table"),
    "quotes": ("\n".join(",".join(f'"{value}"' for value in row) for row in GRID), "looks like a table"),
    "commas for decimal points": (saved(delimiter=",0;"), "several kinds of separators"),
    "a header that counts": (" ".join(map(str, range(9))) + "\n" + saved(), "leave out the header"),
    "an index": ("".join(f"{n} {line}\n" for n, line in enumerate(MARK)), "leave out the index"),
    "letters apart": (drawn("# ", ". "), "single blanks between them"),
    "every second line empty": (drawn().replace("\n", "\n\n"), "every second line is empty"),
    "another text": (saved().encode("utf-16"), "no text in UTF-8"),
    "MovingAI of other size": (MOVING.replace("9", "8") + drawn("@"), "as many rows and columns"),
    "MovingAI cut short": (MOVING + drawn("@")[:-4], "width that its header says"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_text_that_may_be_two_things_is_refused(name, tmp_path):
    text, why = REFUSED[name]
    with pytest.raises(UserError, match=re.escape(why)) as caught:
        squares(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "plan.txt" in str(caught.value)


def test_signs_that_are_walls_are_said_where_there_are_several(tmp_path):
    assert squares(tmp_path, drawn()).said == ()
    text = drawn().replace(".", "S", 1).replace(".", "D", 2)
    assert squares(tmp_path, text).said == ("these signs are read as walls: # 28, D 2, S 1",)


FULL = ["#" * 36] + ["#" + "." * 34 + "#"] * 3 + ["#" * 36]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [*FULL[:2], FULL[2][:12], *FULL[3:]],
            "1 of 5 lines is shorter than the longest, of 36: filled up with 24 ",
        ),
        (
            [*FULL[:4], FULL[4] + "#"],
            "4 of 5 lines are shorter than the longest, of 37: filled up with 4 squares",
        ),
        ([*FULL[:2], FULL[2][:-1], *FULL[3:]], "of 36: filled up with 1 square of wall"),
        ([*FULL[:2], "", *FULL[2:]], "1 of 6 lines is shorter than the longest, of 36: filled up with 36 "),
        (FULL, ""),
        ([line + " " * number for number, line in enumerate(FULL)], ""),
        (MARK, ""),
        ([*MOVING.splitlines(), *drawn("@").splitlines()], ""),
    ],
)
def test_lines_of_a_drawn_map_that_are_filled_up_are_counted(lines, told, tmp_path):
    """One line of 12 letters among lines of 36 made 24 walls without a word."""
    (tmp_path / "plan.txt").write_text("\n".join(lines) + "\n")
    chosen = [f"files.paths=[{tmp_path / 'plan.txt'}]", "films=[]"]
    notes = [note for note in load_suite(task, "mini", chosen).grid().notes if "longest" in note]
    assert len(notes) == bool(told)
    assert all(note.startswith("plan.txt: ") and told in note for note in notes)


@pytest.mark.parametrize("name", ["plan.txt", "plan.npy"])
def test_a_map_whose_ones_may_be_free_is_doubted(name, tmp_path):
    path = tmp_path / name
    if name.endswith("txt"):
        np.savetxt(path, 1 - GRID, fmt="%d")
    else:
        np.save(path, 1 - GRID)
    said = " ".join(read_map(path).said)
    assert "reach the border of the map" in said
    assert "swap the two in the file" in said


def test_squares_that_are_not_a_number_are_refused_with_their_count(tmp_path):
    np.save(tmp_path / "plan.npy", np.where(GRID == 1, np.nan, 0.0))
    with pytest.raises(UserError, match="28 squares that are NaN"):
        read_map(tmp_path / "plan.npy")


def test_a_blurred_picture_is_refused_and_grey_squares_are_counted(tmp_path):
    picture = Image.fromarray((GRID * 255).astype(np.uint8))
    picture.save(tmp_path / "plan.png", "JPEG")
    with pytest.raises(UserError, match="JPEG blurs"):
        read_map(tmp_path / "plan.png")
    picture.putpixel((4, 4), 7)
    picture.save(tmp_path / "plan.png")
    own = read_map(tmp_path / "plan.png")
    assert own.said == ("plan.png: 1 squares that are neither black nor white are read as walls",)
