"""torchvision decodes stored images as Pillow does, and what it can't read is left to Pillow."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from gridcell.data.folders.decode import Unreadable, published_rgb
from gridcell.data.folders.readers import published_tensor
from gridcell.data.sharded import load_index, read_stored, save_index
from gridcell.data.shards.samples import open_samples
from gridcell.data.shards.write import import_set
from photographs import photograph


def encoded(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


SMALL = photograph("chelsea").resize((97, 61))
TURNED = Image.Exif()
TURNED[0x0112] = 6  # stored lying
FILES = {
    "4:2:0": encoded(SMALL, "JPEG", quality=90, subsampling=2),
    "4:4:4": encoded(SMALL, "JPEG", quality=75, subsampling=0),
    "progressive": encoded(SMALL, "JPEG", progressive=True),
    "grey": encoded(SMALL.convert("L"), "JPEG"),
    "CMYK": encoded(SMALL.convert("CMYK"), "JPEG"),
    "turned": encoded(SMALL, "JPEG", exif=TURNED),
    "PNG": encoded(SMALL, "PNG"),
    "palette": encoded(SMALL.convert("P"), "PNG"),
    "transparent": encoded(SMALL.convert("RGBA"), "PNG"),
    "deep": encoded(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100), "PNG"),
    "WebP": encoded(SMALL, "WEBP"),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_the_same_to_the_bit(name):
    found = published_tensor(FILES[name], name)
    expected = np.asarray(published_rgb(FILES[name], name))
    assert found.dtype == torch.uint8
    assert np.array_equal(found.permute(1, 2, 0).numpy(), expected)


def test_pillow_decodes_for_a_torchvision_without_decoders(monkeypatch):
    expected = published_tensor(FILES["4:2:0"], "x")
    monkeypatch.delattr("torchvision.io.decode_jpeg")
    assert torch.equal(published_tensor(FILES["4:2:0"], "x"), expected)


@pytest.mark.parametrize("content", [FILES["4:2:0"][:-300], FILES["4:2:0"][:40], b"\xff\xd8\xff", b"", b"no"])
def test_what_pillow_refuses_is_refused(content):
    with pytest.raises(Unreadable):
        published_rgb(content, "x")
    with pytest.raises(Unreadable):
        published_tensor(content, "x")


def cut(image):
    """Take what either reader gives to uint8 (H, W, 3)."""
    pixels = image.permute(1, 2, 0) if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))
    return pixels[:48, :48].contiguous()


def test_a_set_is_read_by_the_reader_that_its_index_names(tmp_path, monkeypatch):
    from gridcell.data.shards import datasets

    for label in ("cat", "dog"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for name in ("4:2:0", "grey", "CMYK"):
            (tmp_path / "images" / label / f"{name[0]}.jpg").write_bytes(FILES[name])
    uri = str(tmp_path / "shards")
    import_set("folder", [tmp_path / "images"], uri)
    images = read_stored("folder", uri, open_samples("folder", uri).content)
    save_index(tmp_path / "pil.npz", images)
    save_index(tmp_path / "fast.npz", replace(images, reader="torchvision"))
    sets = {name: load_index(tmp_path / f"{name}.npz", uri) for name in ("pil", "fast")}
    assert [one.reader for one in sets.values()] == ["pil", "torchvision"]
    asked = []
    for name in ("published_rgb", "published_tensor"):
        read = getattr(datasets, name)
        told = lambda content, file, read=read, name=name: (asked.append(name), read(content, file))[1]  # noqa: E731
        monkeypatch.setattr(datasets, name, told)
    batches = {}
    for name, one in sets.items():
        asked.clear()
        batches[name] = [
            *one.training_batches(4, cut, seed=1),
            *one.evaluation_batches(4, cut),
            (one.pixels(cut)[torch.tensor([0, 5])],),
        ]
        assert set(asked) == {"published_rgb" if name == "pil" else "published_tensor"}
        assert len(asked) == 6 + 6 + 2
    for one, other in zip(*batches.values(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
