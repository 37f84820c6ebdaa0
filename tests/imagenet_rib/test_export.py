"""What an export says of where its weights come from."""

import timm

from gridcell import Cell
from imagenet_rib.export.folder import _from_timm, _made_by, _own_record


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
