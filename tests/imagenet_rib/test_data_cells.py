"""One data cell a set: what makes a set is in its own cell alone, and its images are those of before."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gridcell import plugins
from gridcell.context import Context
from gridcell.data.image_sets import write_suite
from gridcell.data.images import LabelledImages, content_digest
from gridcell.errors import UserError
from gridcell.fingerprint import Codes
from gridcell.grid import GridBuilder
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells.data import run
from imagenet_rib.grid import data_cells
from imagenet_rib.grid.data_cells import DataCells
from imagenet_rib.settings import Data
from published_sets import CORRUPTIONS
from rib_sets import SETS, planned, sets_of

TASK = find_task("imagenet-rib")

# SHA-256, its beginning, of each set as the one data cell of before made it.
OF_DIGITS = {
    "pretrain": "8131088c5c6025b6",
    "val": "becd1f999b6baa5a",
    "v2": "6a5312489a0fdc9e",
    "a": "dbc340362ae4225b",
    "r": "d53b1bd1c2933ccc",
    "sketch": "128d62a6023b54ce",
    "objectnet": "b790c7bd36eb6924",
    "cartoon": "a4160e8702d3764d",
    "drawing": "041fe5818d3dc8e3",
    "c": "348fcfa8b39d171f",
}
OF_PHOTOGRAPHS = {
    "pretrain": "989585a0e3bf0796",
    "val": "74e34e255c63b499",
    "v2": "3db18d7146ba03a2",
    "a": "dfed351bc2e281c6",
    "sketch": "bee6a2b25e402f53",
    "objectnet": "82b8311a1bc4b917",
    "cartoon": "cbc07823045f41b5",
    "drawing": "2a07e9d1c629f313",
    "c": "e39f9a7e443ae37e",
}
OF_WHOLE_SETS = OF_PHOTOGRAPHS | {
    "pretrain": "57ed82edf8562445",
    "val": "1bc79000c72a777a",
    "v2": "3992b80c5f0628c6",
    "a": "3992b80c5f0628c6",
    "sketch": "3992b80c5f0628c6",
    "objectnet": "3992b80c5f0628c6",
    "cartoon": "0eec4f68fe26f0e0",
    "drawing": "a1b25b386ad7743c",
    "c": "27c269033b6c9eb7",
}
SMALL = {"c": {"per_corruption": 1}}


def digests(sets):
    return {name: content_digest(one)[:16] for name, one in sets.items()}


def fill(folder, count, shade):
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng((shade, number))
        pixels = rng.integers(0, 256, (20, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture
def photographs(tmp_path):
    root = tmp_path / "photographs"
    for label in (3, 7):
        fill(root / "val" / str(label), 30, label)
    fill(root / "r" / "3", 5, 50)
    return root


def of_folder(root):
    return Data(source="imagenet", root=str(root), image_size=16, shifts=SMALL)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([name for name in SETS if name != "a"], id="all but a"),
        pytest.param(["a"], id="a", marks=pytest.mark.slow),
    ],
)
def test_sets_of_digits_are_those_of_before(names):
    data = Data(image_size=16, seed=3, shifts=SMALL | {"r": {"renditions": 1}})
    assert digests(sets_of(data, names)) == {name: OF_DIGITS[name] for name in names}


def test_sets_of_a_folder_are_those_of_before_dealt_out_and_whole(photographs):
    assert digests(sets_of(of_folder(photographs), list(OF_PHOTOGRAPHS))) == OF_PHOTOGRAPHS
    for label in (3, 7):
        fill(photographs / "pretrain" / str(label), 6, label + 20)
    # Set a looks at the images that are dealt to pre-training, as before, and not at the set that is there.
    given = OF_PHOTOGRAPHS | {"pretrain": OF_WHOLE_SETS["pretrain"]}
    some = ["pretrain", "val", "a", "v2"]
    assert digests(sets_of(of_folder(photographs), some)) == {name: given[name] for name in some}
    for name in ("v2", "a", "sketch", "objectnet"):
        for label in (3, 7):
            fill(photographs / name / str(label), 4, label)
    assert digests(sets_of(of_folder(photographs), list(OF_WHOLE_SETS))) == OF_WHOLE_SETS


def changed(before, after):
    return {name for name in before if before[name].id != after[name].id}


def test_each_setting_is_in_the_cells_of_its_set_alone():
    def cells(**fields):
        return planned(Data(image_size=16, **fields))[1]

    before = cells()
    assert changed(before, cells(shifts={"r": {"renditions": 1}})) == {"r"}
    assert changed(before, cells(shifts={"cartoon": {"strength": 0.5}})) == {"cartoon"}
    assert changed(before, cells(seed=1)) == set(SETS)
    assert (
        changed(before, cells(shifts={"cartoon": {"strength": 1}, "r": {}, "c": {"per_corruption": 8.0}}))
        == set()
    )


def test_a_set_of_a_folder_that_changes_touches_no_other(photographs):
    before = planned(of_folder(photographs))[1]
    (photographs / "r" / "3" / "0.png").unlink()
    assert changed(before, planned(of_folder(photographs))[1]) == {"r"}
    before = planned(of_folder(photographs))[1]
    fill(photographs / "sketch" / "3", 4, 9)
    assert changed(before, planned(of_folder(photographs))[1]) == {"sketch"}
    before = planned(of_folder(photographs))[1]
    (photographs / "val" / "3" / "0.png").unlink()
    kept = {"r", "sketch"}
    assert changed(before, planned(of_folder(photographs))[1]) == set(SETS) - kept


def test_a_set_of_a_suite_that_changes_touches_no_other(tmp_path):
    def suite(shade):
        pixels = np.full((6, 16, 16, 3), 9, np.uint8)
        labels = np.arange(6) % 2
        sets = {
            name: LabelledImages(name, pixels + (shade if name == "r" else 0), labels, (0, 1), ("a", "b"))
            for name in ("val", "v2", "r")
        }
        write_suite(tmp_path / "suite", sets, {})
        return planned(Data(source="folder", root=str(tmp_path / "suite")), ["val", "v2", "r"])[1]

    assert changed(suite(np.uint8(0)), suite(np.uint8(1))) == {"r"}


def test_a_plan_repeats_what_derive_left_out_and_no_id_changes(tmp_path):
    pixels = np.full((6, 16, 16, 3), 9, np.uint8)
    names = ["val", "v2", "r"]
    sets = {name: LabelledImages(name, pixels, np.arange(6) % 2, (0, 1), ("a", "b")) for name in names}
    data = Data(source="folder", root=str(tmp_path / "suite"))
    write_suite(tmp_path / "suite", sets, {})
    _, before = planned(data, names)
    shutil.rmtree(tmp_path / "suite")
    write_suite(tmp_path / "suite", sets, {"said": ["photos: 6 images in grey read as RGB", "1 is a copy"]})
    grid, after = planned(data, names)
    assert grid.notes == ("photos: 6 images in grey read as RGB", "1 is a copy")
    assert changed(before, after) == set()


def test_pictures_of_a_suite_that_are_edited_by_hand_are_used_and_said(tmp_path):
    pixels = np.full((6, 16, 16, 3), 9, np.uint8)
    names = ["val", "v2", "r"]
    sets = {name: LabelledImages(name, pixels, np.arange(6) % 2, (0, 1), ("a", "b")) for name in names}
    write_suite(tmp_path / "suite", sets, {})
    data = Data(source="folder", root=str(tmp_path / "suite"))
    grid, before = planned(data, names)
    assert grid.notes == ()
    picture = tmp_path / "suite" / "r" / "b" / "00000003.png"
    Image.fromarray(np.full((16, 16, 3), 200, np.uint8)).save(picture)
    grid, after = planned(data, names)
    assert changed(before, after) == {"r"}
    (note,) = grid.notes
    assert "pictures of set 'r' are not those that 'gridcell data derive' wrote" in note
    made = sets_of(data, names)
    assert [int(image.max()) for image in made["r"].images] == [9, 9, 9, 200, 9, 9]
    store = Store(str(tmp_path / "store")).prepare()
    context = Context(before["r"], store, tmp_path, tmp_path, tmp_path, locations=grid.locations)
    with pytest.raises(UserError, match="changed since the grid was planned"):
        run(before["r"], context)
    picture.unlink()
    with pytest.raises(UserError, match=r"should have 6 images, has 5\. 'gridcell data derive'"):
        planned(data, names)
    planned(data, ["val", "v2"])


def test_an_edit_of_a_shift_concerns_its_set_alone():
    _, cells = planned(Data(image_size=16))

    def codes(edited=""):
        def read(path):
            return path.read_bytes() + (b"\nEDITED = 1\n" if str(path).endswith(edited) and edited else b"")

        known = Codes(TASK, read)
        return {name: known.of(cell).fingerprint for name, cell in cells.items()}

    before = codes()

    def concerned(path):
        return {name for name, code in codes(path).items() if code != before[name]}

    assert concerned("data/shifts/v2.py") == {"v2"}
    assert concerned("data/shifts/renditions.py") == {"r"}
    assert concerned("data/corruptions/weather.py") == {"c"}
    assert concerned("imagenet_rib/settings.py") == concerned("imagenet_rib/learning/models.py") == set()


OUTSIDE = """
from dataclasses import replace
from gridcell.data import Shift

def make(sources, seed, parameters):
    return replace(sources.pool, name="{name}")

SHIFT = Shift("{name}", "as they are", "{source}", make, share={share}, subset=True)
"""


def written(folder, name, source="fresh", share=0.1):
    file = Path(folder) / f"{name}_of_test.py"
    file.write_text(OUTSIDE.format(name=name, source=source, share=share))
    return str(file)


@pytest.fixture(autouse=True)
def no_plugins():
    yield
    plugins.forget()


def test_a_shift_from_outside_changes_no_cell_that_is_there(tmp_path):
    """The same grid, and cells for the new set beside it: nothing that is done is run again."""
    before = load_suite(TASK, "mini").grid()
    files = [written(tmp_path, "mine"), written(tmp_path, "second", "val")]
    after = load_suite(TASK, "mini", plugins=files).grid()
    assert set(before.cells) < set(after.cells)
    new = [cell for cell_id, cell in after.cells.items() if cell_id not in before.cells]
    assert {cell.config["set"] for cell in new if cell.kind == "data"} == {"mine", "second"}
    tested = {tuple(cell.config["sets"]) for cell in new if cell.kind == "evaluate"}
    assert {("mine",), ("second",)} < tested
    sizes = {len(sets) for sets in tested}
    assert sizes == {1, 9}, "what is fine-tuned on the new sets is tested on the eight together"
    codes = Codes(TASK)
    assert {codes.of(after.cells[one]).fingerprint for one in before.cells} == {
        codes.of(cell).fingerprint for cell in before.cells.values()
    }


def test_shifts_from_outside_show_images_that_no_other_set_uses(tmp_path):
    plugins.load([written(tmp_path, "mine"), written(tmp_path, "second")])
    names = ["pretrain", "val", "v2", "mine", "second"]
    sets = sets_of(Data(image_size=16), names)
    seen = [image.tobytes() for name in names for image in sets[name].images]
    assert len(sets["mine"]) == len(sets["second"]) == 33
    assert len(seen) == len(set(seen))


def test_a_shift_that_finds_too_few_images_is_refused_before_anything_starts(tmp_path, photographs):
    file = written(tmp_path, "mine", share=0.5)
    with pytest.raises(UserError, match=r"Shift 'mine' takes a share of 0.5 .*the other sets leave \d+"):
        load_suite(TASK, "mini", plugins=[file]).grid()
    for name in ("pretrain", "v2", "a", "sketch", "objectnet"):
        for label in (3, 7):
            fill(photographs / name / str(label), 4, label)
    with pytest.raises(UserError, match="Shift 'mine' takes fresh images, but none are left"):
        planned(of_folder(photographs), ["val", "mine"])


def test_a_shift_from_outside_is_refused_where_sets_are_not_derived(tmp_path):
    file = written(tmp_path, "mine", "val")
    with pytest.raises(UserError, match=r"Unknown downstream set 'mine'.*\[mine\]|'mine'"):
        load_suite(TASK, str(Path(__file__).parent / "published.yaml"), plugins=[file]).grid()


def test_a_set_that_lies_in_the_folder_is_taken_instead_of_the_shift(tmp_path, photographs):
    plugins.load([written(tmp_path, "mine")])
    for label in (3, 7):
        fill(photographs / "mine" / str(label), 4, label)
    _, cells = planned(of_folder(photographs), ["val", "mine"])
    assert "parameters" not in cells["mine"].config
    assert len(sets_of(of_folder(photographs), ["mine"])["mine"]) == 8


def test_data_cells_hold_json_alone():
    grid, _ = planned(Data(image_size=16))
    for cell in grid.cells.values():
        assert json.loads(json.dumps(dict(cell.config))) == dict(cell.config)


def test_parameters_of_shifts_are_checked_while_planning():
    for wrong, said in (
        ({"per_coruption": 1}, "did you mean 'per_corruption'"),
        ({"per_corruption": -1}, ""),
    ):
        with pytest.raises(UserError, match=f"per_corr?uption.*{said}"):
            planned(Data(shifts={"c": wrong}), ["val"])


@pytest.mark.parametrize(
    ("groups", "shown"),
    [
        (("fog/1", "mine/2", "snow/3", "fog/2"), ["fog", "snow", "mine"]),  # ImageNet-C by name, then others
        (("fog/1",), ["fog"]),
        (None, sorted(CORRUPTIONS)),  # nobody has read the set
    ],
)
def test_the_corruptions_of_a_published_set_are_those_that_it_has(monkeypatch, groups, shown):
    there = None if groups is None else SimpleNamespace(groups=groups, content="ab")
    monkeypatch.setattr(data_cells, "published_set", lambda name, root: there if name == "c" else None)
    cells = DataCells(GridBuilder("imagenet-rib"), Data(source="published"), [])
    assert cells.shown_corruptions() == shown
