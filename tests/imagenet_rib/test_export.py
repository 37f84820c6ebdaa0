"""What an export says of where its weights come from."""

import re

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from gridcell import Cell
from imagenet_rib.export.folder import _as_tested, _from_timm, _made_by, _own_record
from imagenet_rib.export.model_card import model_card
from imagenet_rib.learning.models import normalisation_of


def cell(kind, **needs):
    return Cell("imagenet-rib", kind, {"method": "ft", "merge": None}, needs=needs, title=kind)


def test_weights_that_began_as_random_numbers_are_not_called_timms():
    for root, published in (("pretrain", False), ("pretrained", True)):
        pre = cell(root)
        trained = cell("train", pre=pre.id)
        tested = cell("evaluate", weights=trained.id)
        plan = {one.id: one for one in (pre, trained, tested)}
        assert [_from_timm(one, plan) for one in plan.values()] == [published] * 3
        assert _made_by(tested, plan) == trained


def test_a_record_without_published_weights_keeps_how_images_are_prepared():
    record = timm.create_model("vit_tiny_patch16_224").pretrained_cfg
    assert record["hf_hub_id"]
    kept = _own_record(record)
    assert kept.keys().isdisjoint({"hf_hub_id", "tag", "license", "url"})
    assert (kept["mean"], kept["interpolation"]) == (record["mean"], record["interpolation"])


def test_a_record_names_the_crop_of_the_tests():
    """Images that have the model's size are tested whole; timm would enlarge and cut them."""
    record = {
        "input_size": (3, 32, 32),
        "crop_pct": 0.9,
        "test_input_size": (3, 32, 32),
        "test_crop_pct": 0.95,
    }
    whole = _as_tested(record, [(32, 32), (32, 32)], 32)
    assert whole == {"input_size": (3, 32, 32), "crop_pct": 1.0, "crop_mode": "center"}
    model = timm.create_model("resnet18", pretrained_cfg=whole)
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    ours = normalisation_of(model)(torch.from_numpy(images)[None])[0]
    torch.testing.assert_close(prepare(Image.fromarray(images)), ours, rtol=0, atol=1e-5)
    for sizes in ([(48, 48)], [(32, 32), None], []):  # cut by timm's crop, as the tests do
        assert _as_tested(record, sizes, 32) == record


@pytest.mark.parametrize("names", [("ant", "bee"), ()])
def test_the_cards_code_names_the_class_of_a_picture(names, tmp_path, monkeypatch, capsys):
    """Of a model whose last layer gives class 1 the odds e^2, whatever it sees."""
    model = timm.create_model("test_vit", num_classes=2, img_size=32)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([-1.0, 1.0]))
    record = dict(model.pretrained_cfg) | {"input_size": (3, 32, 32), "crop_pct": 1.0}
    model.pretrained_cfg = record
    labels = {"label_names": list(names)} if names else {}
    timm.models.save_for_hf(model, str(tmp_path), model_config=labels, safe_serialization=True)
    card = model_card("test_vit", cell("train"), names, {"content": "0" * 64}, {}, record)
    Image.new("RGBA", (70, 40)).save(tmp_path / "picture.png")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    code = code.replace("PICTURE.jpg", "picture.png").replace("THIS_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "card", "exec"), {})
    assert capsys.readouterr().out == f"{names[1] if names else 1} 88.1%\n"
