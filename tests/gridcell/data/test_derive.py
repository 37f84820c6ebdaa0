"""Deriving a suite: the split, the class subsets, how hard the sets are, and folders."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st
from sklearn.neighbors import KNeighborsClassifier

from gridcell.data.dealing import Dealing
from gridcell.data.deriving import derive, derive_folder
from gridcell.data.folder import FolderReader, read_folder, write_folder
from gridcell.data.image_sets import read_suite, set_checksums, write_suite
from gridcell.data.images import LabelledImages, content_digest, select
from gridcell.data.shifts import Pool, Shift, a, pieces, shifts_in_order
from gridcell.errors import UserError

# v2 and a with one view show their images unchanged, so that images can be traced back to the base.
TRACEABLE = {"a": {"views": 1, "hard_share": 1.0}, "r": {"renditions": 1}, "objectnet": {"views": 1}}
SMALL = {**TRACEABLE, "c": {"per_corruption": 2}}


PIECES = {"c": {"per_corruption": 1}, "a": {"views": 2}}


def random_base(per_class):
    """Return random 16 px images, so many of each class that each is unique."""
    labels = np.repeat(np.arange(len(per_class)), per_class).astype(np.int64)
    images = np.random.default_rng(1).integers(0, 256, (len(labels), 16, 16, 3), dtype=np.uint8)
    names = tuple(f"class {number}" for number in range(len(per_class)))
    return LabelledImages("base", images, labels, tuple(range(len(per_class))), names)


def content(labelled):
    return [image.tobytes() for image in labelled.images]


def test_digits_give_the_expected_sizes(suite):
    sizes = {name: len(labelled) for name, labelled in suite.items()}
    assert list(sizes) == [
        *("pretrain", "val", "v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c")
    ]
    about = {"pretrain": 630, "val": 270, "v2": 170, "a": 100, "r": 200, "sketch": 170, "objectnet": 200}
    about |= {"cartoon": 270, "drawing": 270}
    for name, size in about.items():
        assert sizes[name] == pytest.approx(size, rel=0.06), name
    assert sizes["c"] == 600


def test_sets_are_balanced_and_cover_what_they_say(suite):
    for name, labelled in suite.items():
        counts = np.bincount(labelled.labels, minlength=10)[list(labelled.classes)]
        assert counts.min() >= 0.85 * counts.max(), name
        assert labelled.class_names == tuple("0123456789")
    subsets = [suite[name].classes for name in ("a", "r", "objectnet")]
    assert [len(classes) for classes in subsets] == [6, 6, 6]
    assert len(set(subsets)) == 3
    assert all(len(suite[n].classes) == 10 for n in suite if n not in ("a", "r", "objectnet"))


def test_validation_shifts_show_every_validation_image(suite):
    for name in ("cartoon", "drawing"):
        np.testing.assert_array_equal(suite[name].labels, suite["val"].labels)
    per_image = len(suite["c"]) / len(suite["val"])
    counts = np.bincount(suite["c"].labels) / np.bincount(suite["val"].labels)
    np.testing.assert_allclose(counts, per_image, atol=0.15)


@settings(max_examples=15, deadline=None, phases=[Phase.generate])  # shrinking would take minutes
@given(
    st.lists(st.integers(40, 60), min_size=2, max_size=4),
    st.integers(0, 10**6),
    st.floats(0.1, 1),
    st.floats(0.2, 0.4),
)
def test_no_image_is_in_two_parts(per_class, seed, subset_share, pretrain_share):
    base = random_base(per_class)
    sets = derive(base, seed=seed, subset_share=subset_share, pretrain_share=pretrain_share, parameters=SMALL)
    known = set(content(base))
    seen = []
    for name in ("pretrain", "val", "v2", "a"):
        images = content(sets[name])
        assert set(images) <= known
        seen += images
    assert len(seen) == len(set(seen))
    sizes = [len(sets[name]) for name in ("pretrain", "val", "v2", "a", "r", "sketch", "objectnet")]
    assert sum(sizes) <= len(base)
    for label, count in enumerate(per_class):
        assert (sets["pretrain"].labels == label).sum() == round(pretrain_share * count)


def test_result_follows_the_seed_and_nothing_else(digits, suite):
    np.random.seed(99)
    again = derive(digits, seed=0)
    assert {n: content_digest(s) for n, s in again.items()} == {
        n: content_digest(s) for n, s in suite.items()
    }
    other = derive(digits, seed=1)
    assert all(content_digest(other[name]) != content_digest(suite[name]) for name in suite)
    assert [other[n].classes for n in ("a", "r", "objectnet")] != [
        suite[n].classes for n in ("a", "r", "objectnet")
    ]


def test_one_shift_can_be_set_without_touching_the_others(digits, suite):
    changed = derive(digits, seed=0, parameters={"r": {"renditions": 1}})
    assert len(changed["r"]) * 2 == len(suite["r"])
    assert all(content_digest(changed[n]) == content_digest(suite[n]) for n in suite if n != "r")


def test_difficulty_is_graded(suite):
    """A nearest-neighbour classifier of the pre-training pool finds shifted sets harder, but few hopeless."""
    model = KNeighborsClassifier(3).fit(flat(suite["pretrain"]), suite["pretrain"].labels)
    right = {}
    for name, labelled in suite.items():
        scores = model.predict_proba(flat(labelled))
        scores[:, [k for k in range(10) if k not in labelled.classes]] = -1
        right[name] = (scores.argmax(axis=1) == labelled.labels).mean()
    assert min(right["val"], right["v2"]) > 0.94
    for name in ("a", "r", "sketch", "objectnet", "drawing"):
        assert right[name] < right["v2"] - 0.1, name
    assert right["c"] < right["val"]
    for name in ("a", "r", "objectnet", "cartoon", "drawing", "c"):
        chance = 1 / len(suite[name].classes)
        assert right[name] > chance + 0.2, name


def flat(labelled):
    return labelled.images.reshape(len(labelled), -1) / 255


def test_shifted_sets_can_be_learnt(suite):
    """The classes are still in the images: half of a shifted set teaches the other half."""
    for name in ("sketch", "cartoon", "drawing", "objectnet"):
        labelled = suite[name]
        grey = labelled.images.mean(axis=-1).reshape(len(labelled), -1)
        half = np.random.default_rng(0).permutation(len(labelled))
        train, test = half[::2], half[1::2]
        model = KNeighborsClassifier(3).fit(grey[train], labelled.labels[train])
        assert model.score(grey[test], labelled.labels[test]) > 2.5 / len(labelled.classes), name


def test_too_few_images_are_one_clear_sentence():
    base = random_base([60, 9, 60])
    with pytest.raises(UserError, match=r"Class 'class 1' has 9 images, but needs at least (\d+)") as caught:
        derive(base, parameters=SMALL)
    needed = int(str(caught.value).split("at least ")[1].split()[0])
    derive(random_base([60, needed, 60]), parameters=SMALL)
    with pytest.raises(UserError, match="class 1"):
        derive(random_base([60, needed - 1, 60]), parameters=SMALL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pretrain_share": 0.9, "val_share": 0.1}, "less than 1"),
        ({"val_share": 0}, "above 0"),
        ({"subset_share": 0}, "subset_share"),
        ({"subset_share": 1.5}, "subset_share"),
        ({"parameters": {"skech": {}}}, "did you mean 'sketch'"),
        ({"parameters": {"c": {"per": 1}}}, "parameter of shift 'c'"),
        ({"pretrain_share": 1e-9}, "too small"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        derive(random_base([50, 50]), **arguments)


def test_tiny_images_are_refused():
    base = random_base([50, 50])
    tiny = LabelledImages("tiny", base.images[:, :12], base.labels, base.classes, base.class_names)
    with pytest.raises(UserError, match="at least 16 px"):
        derive(tiny)


def test_folder_to_suite(tmp_path, digits):
    base = select(digits, np.flatnonzero(digits.labels < 3)[:150], name="base")
    write_folder(tmp_path / "base", base)
    parameters = {"c": {"per_corruption": 1}}
    manifest = derive_folder(tmp_path / "base", tmp_path / "out", size=24, seed=4, parameters=parameters)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    assert manifest["how"]["seed"] == 4
    assert manifest["how"]["size"] == 24
    assert manifest["how"]["settings"] == {"parameters": parameters}
    sets = read_suite(tmp_path / "out")
    assert sets["c"].size == (24, 24)
    assert len(sets["c"].groups) == 75
    first = set_checksums(tmp_path / "out")
    derive_folder(tmp_path / "base", tmp_path / "out", size=24, seed=4, parameters=parameters)
    assert set_checksums(tmp_path / "out") == first, "a suite of our own is replaced, and comes out the same"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["base", "out"]


@pytest.fixture
def broken(tmp_path, digits):
    """A folder with a cut, an empty and a foreign file among its images, and the names of these three."""
    write_folder(tmp_path / "base", select(digits, np.flatnonzero(digits.labels < 2)[:200], name="base"))
    files = sorted((tmp_path / "base").rglob("*.png"))[3::60][:3]
    files[0].write_bytes(files[0].read_bytes()[:-60])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"<html>404</html>")
    return tmp_path / "base", [f"{file.parent.name}/{file.name}" for file in files]


def test_all_images_that_cannot_be_read_are_named_at_once(tmp_path, broken):
    base, (cut, *headless) = broken
    with pytest.raises(UserError, match=r"^3 images can't be read: .*--on-corrupt skip leaves") as found:
        derive_folder(base, tmp_path / "out", size=16, parameters=SMALL)
    assert all(name in str(found.value) for name in (cut, *headless))
    others = sorted(base.rglob("*.png"))[8:20]
    for name in headless:
        (base / name).unlink()
    for file in others:  # their headers are right: only decoding finds them
        file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(UserError, match=r"^13 images can't be read: .*, and 3 more; --on-corrupt") as found:
        derive_folder(base, tmp_path / "out", size=16, parameters=SMALL)
    assert cut in str(found.value)
    assert not (tmp_path / "out").exists()


def test_an_image_of_no_set_that_cannot_be_read_is_named_too(tmp_path, digits):
    """Else a folder would do with one seed and not with another."""
    base = tmp_path / "base"
    write_folder(base, select(digits, np.flatnonzero(digits.labels < 2)[:200], name="base"))
    labels = read_folder(base).labels
    shares = {"pretrain_share": 0.35, "val_share": 0.15, "subset_share": 0.6}  # the defaults
    parts = Dealing.among(shifts_in_order().values(), seed=0, **shares).deal(labels, ("zero", "one"))
    unused = set(range(len(labels))) - set(np.concatenate(list(parts.values())).tolist())
    file = sorted(base.rglob("*.png"))[min(unused)]
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(UserError, match=rf"^Image .*{file.name} can't be read.*--on-corrupt skip"):
        derive_folder(base, tmp_path / "out", size=16, parameters=SMALL)
    assert not (tmp_path / "out").exists()


def test_images_that_cannot_be_read_are_left_out_and_counted_where_asked(tmp_path, broken):
    base, names = broken
    manifest = derive_folder(base, tmp_path / "out", size=16, parameters=SMALL, on_corrupt="skip")
    assert sorted(manifest["how"]["corrupt"]) == sorted(names)
    assert manifest["how"]["corrupt"][names[1]].startswith("it is empty")
    assert f"3 images that can't be read ({', '.join(sorted(names))}) left out" in manifest["how"]["said"][0]
    for name in names:
        (base / name).unlink()
    clean = derive_folder(base, tmp_path / "clean", size=16, parameters=SMALL)
    assert "corrupt" not in clean["how"]
    assert set_checksums(tmp_path / "out") == set_checksums(tmp_path / "clean")


@pytest.mark.parametrize("at_once", [7, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_suite_of_a_folder_is_that_of_its_images_and_holds_a_piece(tmp_path, digits, monkeypatch, at_once):
    base = select(digits, np.flatnonzero(digits.labels < 2)[:100], name="base")
    write_folder(tmp_path / "base", base)
    held = derive(read_folder(tmp_path / "base", 16), seed=4, parameters=PIECES)
    read, seen, whole = [], set(), FolderReader.read

    def watched(reader, positions):
        read.append(len(positions))
        seen.update(positions.tolist())
        return whole(reader, positions)

    monkeypatch.setattr(FolderReader, "read", watched)
    for module in (pieces, a):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
    manifest = derive_folder(tmp_path / "base", tmp_path / "out", size=16, seed=4, parameters=PIECES)
    assert set_checksums(tmp_path / "out") == {name: content_digest(one) for name, one in held.items()}
    assert f"{100 - len(seen)} of 100 images are in no set" in " ".join(manifest["how"]["said"])
    assert len(seen) == sum(manifest["how"]["dealt"].values())
    assert max(read) == min(at_once, len(held["pretrain"]))
    assert (
        read_suite(tmp_path / "out").keys() == held.keys()
    )  # pixels, labels and groups are as the manifest says
    assert not list((tmp_path / "out").glob(".*"))


def doubled(root):
    """Fill a folder with 3 classes of 40 images and a copy of each; one is in two classes."""
    write_folder(root, random_base([40, 40, 40]))
    for file in sorted(root.rglob("*.png")):
        file.with_name(f"copy of {file.name}").write_bytes(file.read_bytes())
    lone = root / "class 0" / "00000000.png"
    (root / "class 2" / "elsewhere.png").write_bytes(lone.read_bytes())


def parts_of(sets):
    """Return the images of each set that shows its images unchanged, by their bytes."""
    return {name: set(content(sets[name])) for name in ("pretrain", "val", "v2", "a")}


def test_copies_of_an_image_are_in_one_set(tmp_path):
    doubled(tmp_path / "base")
    manifest = derive_folder(tmp_path / "base", tmp_path / "out", size=16, parameters=SMALL)
    sets = read_suite(tmp_path / "out")
    parts = list(parts_of(sets).values())
    assert sum(map(len, parts)) == len(set.union(*parts)), "an image is in two sets"
    assert len(sets["pretrain"]) == manifest["how"]["dealt"]["pretrain"] >= 2 * 3 * 14
    said = " ".join(manifest["how"]["said"])
    assert "120 images are copies of others" in said
    assert "121 images are copies of others: each is dealt to the set of the image that it copies" in said
    held = derive(read_folder(tmp_path / "base"), parameters=SMALL)
    assert {name: content_digest(one) for name, one in held.items()} == set_checksums(tmp_path / "out")


def test_a_copy_in_a_class_that_the_set_does_not_cover_is_in_none_and_counted(tmp_path):
    write_folder(tmp_path / "base", random_base([40, 40, 40]))
    first = derive_folder(tmp_path / "base", tmp_path / "first", size=16, parameters=SMALL)
    covered = first["sets"]["a"]["classes"]
    (other,) = {"class 0", "class 1", "class 2"} - set(covered)
    shown = read_suite(tmp_path / "first")["a"]
    base = read_folder(tmp_path / "base")
    number = content(base).index(content(shown)[0])
    name = base.class_names[base.labels[number]]
    file = sorted((tmp_path / "base" / name).iterdir())[number - 40 * int(name[-1])]
    (tmp_path / "base" / other / "z.png").write_bytes(file.read_bytes())
    again = derive_folder(tmp_path / "base", tmp_path / "again", size=16, parameters=SMALL)
    assert other > name, "the copy comes second: another seed is needed if this changes"
    assert set_checksums(tmp_path / "again") == set_checksums(tmp_path / "first")
    assert any("1 of them is in no set" in one for one in again["how"]["said"])


def test_foreign_folder_is_left_alone_and_nothing_is_read(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(UserError, match="thesis is not empty"):
        derive_folder(tmp_path / "absent", tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "precious"


def test_importing_everything_loads_nothing_heavy():
    program = (
        "import sys, gridcell.data.deriving, gridcell.data.digits\n"
        "from gridcell.data.corruptions import all_corruptions\n"
        "all_corruptions()\n"
        "print([name for name in ('torch', 'scipy', 'sklearn', 'PIL') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_shift_without_pieces_is_given_all_its_images():
    base = random_base([6, 6])
    shown = []

    def make(sources, seed, parameters):
        shown.append((len(sources.pool), len(sources.pretrain)))
        return select(sources.pool, [0, 7], name="mine")

    recipe = Shift("mine", "", "val", make, pretrain=True)
    (made,) = recipe.in_pieces(Pool.of(base), Pool.of(base), seed=0)
    assert (len(made), shown) == (2, [(12, 12)])


def test_pieces_of_a_set_that_do_not_fit_together_are_refused(tmp_path):
    one, other = random_base([2, 2]), random_base([2, 2, 2])
    with pytest.raises(UserError, match="one label space"):
        write_suite(tmp_path / "out", [("val", iter([one, other]))], {})
    with pytest.raises(UserError, match="'val' has no images"):
        write_suite(tmp_path / "out", [("val", iter([]))], {})
    assert not (tmp_path / "out").exists()
