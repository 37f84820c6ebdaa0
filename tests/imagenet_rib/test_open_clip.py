"""open_clip's text towers beside timm's image towers, against open_clip alone, with random weights."""

import pytest
import torch
from torch.nn import functional as F

from gridcell import UserError
from imagenet_rib.learning import hub, open_clip_tower
from imagenet_rib.learning.contrastive import DualEncoder
from imagenet_rib.learning.open_clip_names import TRAINED_WITH, trained_with
from imagenet_rib.learning.open_clip_tower import text_tower
from imagenet_rib.methods import flyp, get

NAME = "vit_base_patch32_clip_224.laion2b_ft_in1k"
CLASSES = ("goldfish", "tabby cat", "school bus")


@pytest.fixture(scope="module")
def whole():
    """open_clip's model with both towers; small batches need no pre-training to be compared."""
    import open_clip

    torch.manual_seed(0)
    return open_clip.create_model("ViT-B-32", force_custom_text=True, load_weights=False).eval()


def test_every_known_model_and_its_weights_are_open_clips():
    import open_clip

    for model, tag in TRAINED_WITH.values():
        assert tag in open_clip.list_pretrained_tags_by_model(model)
        assert open_clip.get_pretrained_cfg(model, tag)["hf_hub"]


@pytest.mark.parametrize(("tower", "model"), [("base_patch16", "ViT-B-16"), ("large_patch14", "ViT-L-14")])
@pytest.mark.parametrize("tag", ["laion2b", "openai", "laion2b_ft_in12k_in1k", "openai_ft_in1k"])
def test_weights_that_were_fine_tuned_count_as_what_they_are_from(tower, model, tag):
    name, training = trained_with(f"vit_{tower}_clip_224.{tag}")
    assert name.removesuffix("-quickgelu") == model
    assert name.endswith("-quickgelu") == tag.startswith("openai")
    assert training.partition("_")[0] == tag.partition("_")[0]


def test_an_image_tower_that_open_clip_does_not_know():
    name = "vit_giant_patch14_clip_224.laion2b"
    with pytest.raises(UserError, match=r"^Unknown CLIP model of open_clip 'vit_giant.*choose from: "):
        text_tower(name, CLASSES)
    assert "is not known" in get("flyp").skip(name)


@pytest.mark.long
def test_the_two_towers_embed_and_classify_as_open_clip_does(whole, monkeypatch):
    import open_clip
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    monkeypatch.setattr(open_clip_tower, "_model", lambda name, tag: whole)
    image = timm.create_model(NAME.partition(".")[0], num_classes=0).eval()
    vision = {key: value for key, value in whole.state_dict().items() if key.startswith("visual.")}
    image.load_state_dict(checkpoint_filter_fn(vision, image), strict=False)
    both = DualEncoder(image, text_tower(NAME, CLASSES)).eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        ours, theirs = both.embed_images(images), whole.encode_image(images)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        classifier = open_clip.build_zero_shot_classifier(
            whole,
            tokenizer=open_clip.get_tokenizer("ViT-B-32"),
            classnames=CLASSES,
            templates=open_clip.OPENAI_IMAGENET_TEMPLATES,
        )
        expected = whole.logit_scale.exp() * theirs @ classifier
        features = image.forward_head(image.forward_features(images), pre_logits=True)
        torch.testing.assert_close(features @ both.class_weights().T, expected, rtol=1e-3, atol=1e-4)
    assert both.tokens.shape == (3, 80, 77)
    labels = torch.tensor([0, 2])
    texts = F.normalize(both.embed_prompts(labels), dim=1)
    assert texts.shape == (2, 512)


def test_weights_that_cannot_be_had_are_one_sentence(monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "_failed", {})
    monkeypatch.setattr(hub, "LOOK_S", 0.2)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        UserError, match=r"The text tower .* can't be downloaded .* 'hf download laion/CLIP-ViT-B-32"
    ):
        text_tower(NAME, CLASSES)


def test_flyp_is_planned_for_clip_models_where_open_clip_is_installed(monkeypatch):
    assert get("flyp").skip(NAME) is None
    monkeypatch.setattr(flyp, "find_spec", lambda name: None)
    assert "pip install 'gridcell[clip]'" in get("flyp").skip(NAME)
