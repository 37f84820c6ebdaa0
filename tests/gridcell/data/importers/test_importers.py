"""Every published set, as folder and archive: import, verify, read: the same images, the right classes."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.datasets import ImageFolder

from gridcell.data.importers import Source, importers
from gridcell.data.shards.samples import FolderSamples, ShardSamples
from gridcell.data.shards.verify import verify
from gridcell.data.shards.write import import_set
from gridcell.errors import UserError
from published_sets import ARCHIVES, SETS, WNIDS, Published, packed, seen

SMALL = 0.004  # MB a shard: several shards even of a tiny set


def as_multiset(truths):
    return sorted((truth.pixels, truth.label, truth.group or "") for truth in truths)


def test_every_set_of_the_benchmark_can_be_imported():
    assert set(importers()) == {*SETS, "folder"}
    published = {name: (entry.images, entry.classes) for name, entry in importers().items()}
    assert published["objectnet"] == (18_574, 113)
    assert published["sketch"] == (50_889, 1_000)


def test_training_images_in_one_archive_a_class_are_labelled_by_their_names(tmp_path):
    """As the published training set holds them: n01440764.tar with n01440764_10026.JPEG and so on."""
    published = SETS["pretrain"](tmp_path)
    archives = tmp_path / "archives"
    archives.mkdir()
    for folder in published.root.iterdir():
        with tarfile.open(archives / f"{folder.name}.tar", "w") as archive:
            for file in folder.iterdir():
                archive.add(file, file.name)
    import_set("pretrain", [archives], str(tmp_path / "out"))
    samples = ShardSamples(str(tmp_path / "out"))
    assert as_multiset(seen(samples)) == as_multiset(published.truth.values())
    (published.root / "n01440764" / "n01440764_0.JPEG").rename(published.root / "stray.JPEG")
    with pytest.raises(UserError, match=r"stray\.JPEG names no class"):
        import_set("pretrain", [published.root], str(tmp_path / "other"))


@pytest.mark.parametrize("form", ["folder", *ARCHIVES])
@pytest.mark.parametrize("name", SETS)
def test_import_verify_read(tmp_path, name, form):
    published = SETS[name](tmp_path)
    source = published.root if form == "folder" else packed(published, form)
    done = import_set(name, [source], str(tmp_path / "out"), workers=2, shard_mb=SMALL)
    assert done.written > 1
    assert verify(str(tmp_path / "out")).problems == ()
    samples = ShardSamples(str(tmp_path / "out"))
    assert as_multiset(seen(samples)) == as_multiset(published.truth.values())
    assert list(samples.class_names) == WNIDS
    assert samples.classes == tuple(sorted({truth.label for truth in published.truth.values()}))


@pytest.mark.parametrize("name", SETS)
def test_a_plain_folder_needs_no_import(tmp_path, name):
    published = SETS[name](tmp_path)
    samples = FolderSamples(name, published.root)
    assert as_multiset(seen(samples)) == as_multiset(published.truth.values())
    with pytest.raises(UserError, match="only folders"):
        FolderSamples(name, packed(published, "tar"))


def test_published_images_are_kept_byte_for_byte(tmp_path):
    published = SETS["r"](tmp_path)
    import_set("r", [published.root], str(tmp_path / "out"))
    samples = ShardSamples(str(tmp_path / "out"))
    stored = sorted(samples.read(0, number).image for number in range(samples.counts[0]))
    assert stored == sorted(file.read_bytes() for file in published.root.rglob("*.jpg"))


def test_sorted_folders_would_mislabel_v2(tmp_path):
    """The reason for the importer: what torchvision makes of the same folder is another labelling."""
    published = SETS["v2"](tmp_path)
    naive = ImageFolder(published.root)
    number_of = {naive.class_to_idx[folder]: int(folder) for folder in naive.classes}
    assert any(number != label for number, label in number_of.items())
    right = {truth.label for truth in published.truth.values()}
    assert set(number_of.values()) == right


def test_folder_forms_of_an_archive_do_not_matter(tmp_path):
    """With or without the set's own folder in front, and with what file managers add."""
    published = SETS["c"](tmp_path)
    (published.root / ".DS_Store").write_bytes(b"x")
    (published.root / "__MACOSX").mkdir()
    (published.root / "__MACOSX" / "._1.JPEG").write_bytes(b"x")
    import_set("c", [packed(published, "tar", root=False)], str(tmp_path / "out"))
    assert as_multiset(seen(ShardSamples(str(tmp_path / "out")))) == as_multiset(published.truth.values())


def test_imagenet_c_as_downloaded_a_folder_of_archives(tmp_path):
    published = SETS["c"](tmp_path)
    download = tmp_path / "download"
    download.mkdir()
    for number, corruption in enumerate(sorted(published.root.iterdir())):
        with tarfile.open(download / f"{number}.tar", "w") as archive:
            archive.add(corruption, corruption.name)
    done = import_set("c", [download], str(tmp_path / "out"))
    assert as_multiset(seen(ShardSamples(str(tmp_path / "out")))) == as_multiset(published.truth.values())
    assert len(done.manifest.groups) == 75
    assert done.manifest.images_per_group == (3,) * 75
    assert done.manifest.how["left_out"] == 15
    several = import_set("c", sorted(download.iterdir()), str(tmp_path / "again"))
    assert several.manifest.shards == done.manifest.shards


def test_objectnet_keeps_what_else_is_right_and_leaves_out_what_imagenet_lacks(tmp_path):
    published = SETS["objectnet"](tmp_path)
    done = import_set("objectnet", [published.root], str(tmp_path / "out"))
    assert done.manifest.alternatives == {409: (530,), 457: (906,)}  # digital clock; Windsor tie
    assert done.manifest.how["left_out"] == 3
    assert done.manifest.classes == (409, 457, 731, 954)
    for truth in seen(ShardSamples(str(tmp_path / "out"))):
        border = np.frombuffer(truth.pixels, np.uint8).reshape(-1, 3)[:8]
        assert not (border == (255, 0, 0)).all()


@pytest.mark.parametrize("missing", ["folder_to_objectnet_label.json", "objectnet_to_imagenet_1k.json"])
def test_objectnet_without_its_tables(tmp_path, missing):
    published = SETS["objectnet"](tmp_path)
    (published.root / "mappings" / missing).unlink()
    with pytest.raises(UserError, match=f"table {missing} is missing"):
        import_set("objectnet", [published.root], str(tmp_path / "out"))


def test_objectnet_names_must_be_clear(tmp_path):
    published = SETS["objectnet"](tmp_path)
    table = published.root / "mappings" / "objectnet_to_imagenet_1k.json"
    table.write_text(json.dumps({"Banana": "crane"}))
    with pytest.raises(UserError, match="'crane', which names 2 ImageNet classes"):
        import_set("objectnet", [published.root], str(tmp_path / "out"))


def flat_validation_set(tmp_path) -> tuple[Published, list[int]]:
    """The validation images without folders, as ILSVRC2012_val_00000001.JPEG and so on."""
    published = SETS["val"](tmp_path)
    flat = tmp_path / "ILSVRC2012_img_val"
    flat.mkdir()
    truth, labels = {}, []
    order = np.random.default_rng(3).permutation(sorted(published.truth))
    for number, name in enumerate(order, start=1):
        stem = f"ILSVRC2012_val_{number:08d}"
        (tmp_path / name).rename(flat / f"{stem}.JPEG")
        truth[stem] = published.truth[name]
        labels.append(published.truth[name].label)
    return Published(flat, truth), labels


def kaggle(root, labels):
    lines = [f"ILSVRC2012_val_{n:08d},{WNIDS[k]} 85 1 499 272" for n, k in enumerate(labels, start=1)]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines[::-1]]) + "\n")


def caffe(root, labels):
    lines = [f"ILSVRC2012_val_{n:08d}.JPEG {k}" for n, k in enumerate(labels, start=1)]
    (root / "val.txt").write_text("\n".join(lines) + "\n")


def tensorflow(root, labels):
    text = "\n".join(WNIDS[k] for k in labels) + "\n"
    (root / "imagenet_2012_validation_synset_labels.txt").write_text(text)


def development_kit(root, labels):
    """Its numbers are in an order of their own, which meta.mat gives, with inner nodes after 1,000."""
    wnids = [*np.random.default_rng(8).permutation(WNIDS), "n00001740"]
    number = {wnid: place for place, wnid in enumerate(wnids, start=1)}
    rows = np.array(list(zip(number.values(), wnids, strict=True)), [("ILSVRC2012_ID", "O"), ("WNID", "O")])
    savemat(root / "meta.mat", {"synsets": rows.reshape(-1, 1)})
    text = "\n".join(str(number[WNIDS[k]]) for k in labels) + "\n"
    (root / "ILSVRC2012_validation_ground_truth.txt").write_text(text)


@pytest.mark.parametrize("ground_truth", [kaggle, caffe, tensorflow, development_kit])
def test_flat_validation_files_with_a_ground_truth(tmp_path, ground_truth):
    published, labels = flat_validation_set(tmp_path)
    ground_truth(published.root, labels)
    import_set("val", [published.root], str(tmp_path / "out"))
    assert as_multiset(seen(ShardSamples(str(tmp_path / "out")))) == as_multiset(published.truth.values())


def test_validation_archive_beside_the_development_kit(tmp_path):
    published, labels = flat_validation_set(tmp_path)
    kit = tmp_path / "ILSVRC2012_devkit_t12"
    (kit / "data").mkdir(parents=True)
    development_kit(kit / "data", labels)
    download = tmp_path / "download"
    download.mkdir()
    packed(published, "tar", root=False).rename(download / "ILSVRC2012_img_val.tar")
    packed(Published(kit, {}), "tar.gz").rename(download / "ILSVRC2012_devkit_t12.tar.gz")
    import_set("val", [download], str(tmp_path / "out"))
    assert as_multiset(seen(ShardSamples(str(tmp_path / "out")))) == as_multiset(published.truth.values())


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("notes.md", "", "no ground truth is with them"),
        ("val.txt", "65\n970\n", "without saying in which order"),
        ("val.txt", "ILSVRC2012_val_00000001.JPEG 1000\n", "Line 1 of .* names no ImageNet class"),
        ("val.txt", "ILSVRC2012_val_00000001.JPEG 3\n", "has no class for .*00000002"),
        ("ILSVRC2012_validation_ground_truth.txt", "490\n", "meta.mat of the same kit is needed"),
    ],
)
def test_a_ground_truth_that_does_not_tell_the_class(tmp_path, file, content, sentence):
    published, _ = flat_validation_set(tmp_path)
    (published.root / file).write_text(content)
    with pytest.raises(UserError, match=sentence):
        import_set("val", [published.root], str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("name", "folder"), [("v2", "1000"), ("v2", "n01440764"), ("a", "n01440764"), ("c", "x")]
)
def test_images_elsewhere_are_named(tmp_path, name, folder):
    published = SETS[name](tmp_path)
    stray = published.root / folder
    stray.mkdir()
    next(iter(published.root.rglob("*.jp*g" if name != "c" else "*.JPEG"))).rename(stray / "stray.jpg")
    with pytest.raises(UserError, match=r"stray\.jpg"):
        import_set(name, [published.root], str(tmp_path / "out"))


def test_ones_own_folder(tmp_path):
    published = SETS["a"](tmp_path)
    import_set("folder", [published.root], str(tmp_path / "out"))
    samples = ShardSamples(str(tmp_path / "out"))
    naive = ImageFolder(published.root)
    assert list(samples.class_names) == naive.classes
    expected = sorted((np.asarray(image).tobytes(), label) for image, label in naive)
    assert sorted((truth.pixels, truth.label) for truth in seen(samples)) == expected


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no folder or archive"):
        import_set("a", [tmp_path / "absent"], str(tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image in"):
        import_set("a", [tmp_path / "empty"], str(tmp_path / "out"))
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(UserError, match="no archive that can be read"):
        import_set("a", [tmp_path / "text.tar"], str(tmp_path / "out"))
    whole = packed(SETS["a"](tmp_path), "tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="can't be unpacked"):
        import_set("a", [tmp_path / "half.tar.gz"], str(tmp_path / "out"))


@pytest.mark.parametrize("name", ["../outside.jpg", "/outside.jpg", "a/../../outside.jpg", "..\\outside.jpg"])
@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_names_outside_the_archives_folder_are_refused(tmp_path, name, ending):
    path = tmp_path / f"evil.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"x")
    else:
        with tarfile.open(path, "w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="outside its folder"):
        import_set("a", [path], str(tmp_path / "out"))
    assert sorted(tmp_path.rglob("*")) == before


def test_links_in_archives_are_not_followed(tmp_path):
    published = SETS["a"](tmp_path)
    path = packed(published, "tar")
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("imagenet-a/n01498041/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with Source([path]) as source:
        assert not [member for member in source.members if "link" in member.name]


def with_hard_link(tmp_path, target):
    path = packed(SETS["a"](tmp_path), "tar")
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("imagenet-a/n01498041/link.jpg")
        link.type, link.linkname = tarfile.LNKTYPE, target or archive.getnames()[-1]
        archive.addfile(link)
        return path, link.linkname


def test_a_hard_link_in_an_archive_is_the_file_it_links_to(tmp_path):
    path, target = with_hard_link(tmp_path, None)
    with Source([path]) as source:
        content = {member.name: source.read(member) for member in source.members}
    assert content["imagenet-a/n01498041/link.jpg"] == content[target] != b""


def test_a_hard_link_to_nothing_in_the_archive_is_refused(tmp_path):
    path, _ = with_hard_link(tmp_path, "imagenet-a/absent.jpg")
    with (
        pytest.raises(UserError, match=r"link\.jpg .* hard link to imagenet-a/absent\.jpg, which is no file"),
        Source([path]),
    ):
        pass


def test_the_same_file_twice_is_refused(tmp_path):
    published = SETS["a"](tmp_path)
    with pytest.raises(UserError, match="occurs twice"):
        import_set("a", [published.root, packed(published, "tar")], str(tmp_path / "out"))


@pytest.mark.parametrize("packer", [gzip, bz2, lzma])
def test_a_damaged_packed_archive_is_one_sentence(tmp_path, packer):
    content = bytearray(packer.compress(b"0123456789" * 100))
    content[10:18] = b"\xff" * 8
    (tmp_path / "a.tar.packed").write_bytes(content)
    with pytest.raises(UserError, match="can't be unpacked"):
        Source([tmp_path / "a.tar.packed"]).__enter__()


def test_a_zip_with_a_damaged_directory_is_one_sentence(tmp_path):
    archive = packed(SETS["a"](tmp_path), "zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02")] = 0  # of its first entry
    archive.write_bytes(content)
    with pytest.raises(UserError, match="no archive that can be read"):
        Source([archive]).__enter__()


def test_a_damaged_file_in_a_zip_is_a_corrupt_image(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("n01498041/x.jpg", b"0123456789" * 100)
    content = bytearray(archive.read_bytes())
    start = 30 + len("n01498041/x.jpg")
    content[start : start + 8] = b"\xff" * 8
    archive.write_bytes(content)
    with Source([archive]) as source, pytest.raises(OSError, match=r"x\.jpg"):
        source.read(source.members[0])
