"""How images are prepared for a model: what is taken for granted is said when a grid is planned."""

import json

import pytest
import timm

from gridcell.data import imagenet_wnids
from gridcell.errors import UserError
from imagenet_rib.grid.cost import estimate
from imagenet_rib.grid.model_names import FAMILIAR, published_sizes
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.file_heads import _config_beside
from imagenet_rib.learning.models import build_model, normalisation_of, save_weights
from imagenet_rib.settings import Pretrained, Settings

NAME, OPTIONS = "resnet18", {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}


def notes_of(name, options=None, **pretraining):
    settings = Settings.model_validate(
        {
            "data": {"source": "published"},
            "architectures": {"net": {"name": name, "options": options or {}}},
            "pretrainings": {"p": pretraining},
            "methods": {"ft": None},
        }
    )
    return list(plan(settings).notes)


@pytest.mark.parametrize(
    ("name", "given", "sizes"),
    [
        ("tf_efficientnet_lite1", {"source": "offline"}, "224 px are given to weights that are for 240 px"),
        ("tf_efficientnet_lite1", {"source": "offline", "input_size": 240}, None),
        ("tf_efficientnet_lite0", {"source": "offline"}, None),
        (
            "tf_efficientnet_lite0",
            {"source": "offline", "input_size": 64},
            "64 px are given to weights that are for 224 px",
        ),
        ("vit_base_patch16_384.augreg_in21k_ft_in1k", {"source": "timm"}, "for 384 px"),
        ("resnet50.a1_in1k", {"source": "timm"}, None),  # trained at 224
        ("resnet50.a1_in1k", {"source": "timm", "input_size": 288}, None),  # tested at 288
        ("resnet50.a1_in1k", {"source": "timm", "input_size": 256}, "for 224 or 288 px"),
    ],
)
def test_images_of_another_size_than_the_weights_are_for_are_told(name, given, sizes):
    notes = [note for note in notes_of(name, **given) if " px " in note]
    assert len(notes) == bool(sizes)
    assert all(note.startswith("net-p: images of ") and sizes in note for note in notes)


@pytest.mark.parametrize("name", sorted(FAMILIAR))
def test_the_sizes_of_familiar_models_are_timms(name):
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    sizes = {one[-1] for one in (known.input_size, known.test_input_size) if one}
    assert set(published_sizes(name)) <= sizes


@pytest.fixture
def file(tmp_path):
    model = build_model(NAME, num_classes=1000, image_size=224, **OPTIONS)
    save_weights(tmp_path / "model.safetensors", model.state_dict(), "net")
    return tmp_path / "model.safetensors"


def beside(file, **record):
    config = {"architecture": NAME, "label_names": list(imagenet_wnids()), "pretrained_cfg": record}
    (file.parent / "config.json").write_text(json.dumps(config))


def test_a_file_of_which_nothing_says_it_is_prepared_for_as_timms_default_and_this_is_said(file):
    (note,) = notes_of(NAME, OPTIONS, source="file", path=str(file))
    assert "nothing says how images are prepared for it: as for timm's resnet18.a1_in1k (mean 0.485" in note
    assert notes_of(NAME, OPTIONS, source="file", path=str(file), tag="tv_in1k") == []
    known = timm.get_pretrained_cfg("resnet18.tv_in1k")
    beside(file, **{key: getattr(known, key) for key in ("mean", "std", "interpolation", "crop_pct")})
    assert notes_of(NAME, OPTIONS, source="file", path=str(file)) == []


def test_position_embeddings_of_another_size_are_told(tmp_path):
    name, options = "vit_tiny_patch16_224.augreg_in21k_ft_in1k", {"embed_dim": 16, "depth": 1, "num_heads": 2}
    model = build_model(name, num_classes=1000, image_size=160, **options)
    save_weights(tmp_path / "w.safetensors", model.state_dict(), "net")
    given = {"source": "file", "path": str(tmp_path / "w.safetensors")}
    (note,) = notes_of(name, options, **given)
    assert (
        "for images of another size than 224 px: 'pos_embed' is resampled, (1, 101, 16) to (1, 197, 16)"
        in note
    )
    assert notes_of(name, options, **given, input_size=160) == []


def test_what_is_beside_a_file_names_the_size_of_its_images(file):
    beside(file, input_size=[3, 160, 160], interpolation="bilinear")
    (note,) = notes_of(NAME, OPTIONS, source="file", path=str(file))
    assert "images of 224 px are given to weights that are for 160 px" in note
    assert notes_of(NAME, OPTIONS, source="file", path=str(file), input_size=160) == []


def test_a_whole_record_without_a_size_for_tests_has_none(file):
    """Timm's own default for the model is tested at 288 px; it writes no key that is None."""
    known = timm.get_pretrained_cfg("resnet18")
    assert known.test_input_size == (3, 288, 288)
    beside(file, crop_pct=0.5)
    assert _config_beside(file, NAME).preparation == {"crop_pct": 0.5}
    beside(file, crop_pct=0.5, input_size=[3, 224, 224])
    expected = {"crop_pct": 0.5, "test_input_size": None, "test_crop_pct": None}
    assert _config_beside(file, NAME).preparation == expected
    beside(file, input_size=[3, 224, 224], test_input_size=[3, 256, 256])
    assert _config_beside(file, NAME).preparation == {"test_input_size": [3, 256, 256], "test_crop_pct": None}


@pytest.mark.parametrize("interpolation", ["lanczos", "nearest", "random"])
def test_an_interpolation_that_is_not_there_is_refused_and_never_replaced(file, interpolation):
    beside(file, interpolation=interpolation)
    with pytest.raises(UserError, match=f"'{interpolation}': images are resized here by bicubic or bilinear"):
        notes_of(NAME, OPTIONS, source="file", path=str(file))
    model = build_model(
        NAME, num_classes=3, image_size=224, preparation={"interpolation": interpolation}, **OPTIONS
    )
    with pytest.raises(UserError, match=f"'{interpolation}'"):
        normalisation_of(model)


def test_no_cost_is_made_up_for_models_of_unknown_speed():
    settings = Settings.model_validate(
        {
            "data": {"source": "published"},
            "architectures": {"net": {"name": "tf_efficientnet_lite1"}},
            "pretrainings": {"p": {"source": "offline"}},
            "methods": {"ft": None},
        }
    )
    found = estimate(settings, plan(settings))
    assert found.keys() == {"not counted"}


def test_images_are_resized_to_no_less_than_what_is_cut_out():
    assert Pretrained(source="timm", input_size=224, resize=224).resize == 224
    with pytest.raises(ValueError, match=r"'resize' \(223\) must be at least 'input_size' \(224\)"):
        Pretrained(source="timm", input_size=224, resize=223)
