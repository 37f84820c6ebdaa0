"""Methods that add parts to a model: low-rank adapters, a visual prompt, a text tower."""

import copy
import math
from importlib.metadata import EntryPoint

import pytest
import torch
from torch import nn

from gridcell.data.batches import Batches
from gridcell.errors import UserError
from gridcell.learn.classifier import Classifier
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from imagenet_rib.learning import adapters
from imagenet_rib.learning.contrastive import DualEncoder, TextTower, contrastive_loss
from imagenet_rib.learning.models import build_model, head_parameters
from imagenet_rib.learning.prompting import Prompted, frame_width
from imagenet_rib.method import Start
from imagenet_rib.methods import flyp, get

VIT = {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}
CLIP = {**VIT, "name": "vit_base_patch16_clip_224.laion2b_ft_in1k"}
CLASSES = torch.tensor([0, 2, 3, 7])
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(24, 3, 32, 32, generator=GENERATOR)
LABELS = CLASSES[torch.randint(0, 4, (24,), generator=GENERATOR)]


def build(settings=VIT):
    torch.manual_seed(1)
    return build_model(num_classes=8, image_size=32, **settings).eval()


def trained(name, *, lr=0.1, settings=VIT, **parameters):
    """Train a method for two epochs; return the model before, the recipe, and what it exports."""
    before = build(settings)
    start = Start(
        model=copy.deepcopy(before),
        reference=before.state_dict(),
        fisher=None,
        classes=CLASSES,
        head=head_parameters(before),
        teacher=lambda: copy.deepcopy(before),
        architecture=settings["name"],
        image_size=32,
        class_names=tuple("abcdefgh"),
    )
    method = get(name)
    torch.manual_seed(0)
    recipe = method.prepare(start, **method.parameters(**parameters).model_dump())
    module = Classifier(
        recipe.model, recipe.loss, optimisation=Optimisation(lr=lr), trainable=recipe.trainable
    )
    fit(module, Batches(IMAGES, LABELS, batch_size=8), epochs=2, seed=0)
    return before, recipe, recipe.export(recipe.model)


# lora


def test_adapters_leave_everything_but_attention_projections_bit_identical():
    before, _, after = trained("lora")
    changed = {name for name, tensor in before.state_dict().items() if not torch.equal(tensor, after[name])}
    kinds = ("qkv", "proj")
    assert changed == {f"blocks.{block}.attn.{kind}.weight" for block in range(2) for kind in kinds}


def test_the_merged_model_answers_as_the_adapted_one():
    before, recipe, after = trained("lora", rank=3, alpha=5.0)
    adapted = recipe.model.eval()
    with torch.no_grad():
        expected = adapted(IMAGES)
        assert not torch.allclose(expected, before(IMAGES), atol=1e-3)
        before.load_state_dict(after)
        assert torch.allclose(before(IMAGES), expected, atol=1e-5)
        assert torch.allclose(adapted(IMAGES), expected)  # exporting changed nothing


def test_a_merged_weight_is_w_plus_alpha_over_r_times_b_a():
    before, recipe, after = trained("lora", rank=3, alpha=5.0)
    parts = recipe.model.state_dict()
    prefix, name = "base_model.model.blocks.1.attn.qkv.", "blocks.1.attn.qkv.weight"
    down, up = parts[f"{prefix}lora_A.default.weight"], parts[f"{prefix}lora_B.default.weight"]
    assert down.shape == (3, 16)
    assert up.shape == (48, 3)
    expected = before.state_dict()[name] + 5.0 / 3.0 * up @ down
    assert torch.allclose(after[name], expected, atol=1e-6)
    assert torch.linalg.matrix_rank(after[name] - before.state_dict()[name], atol=1e-5) <= 3


@pytest.mark.parametrize(
    "name",
    [
        "vit_base_patch16_224",
        "vit_base_patch16_clip_224",
        "deit_tiny_patch16_224",
        "swin_tiny_patch4_window7_224",
        "swinv2_cr_tiny_224",
        "cait_xxs24_224",
        "vit_base_patch16_rope_224",
    ],
)
def test_families_that_are_not_skipped_have_attention_projections(name):
    import timm

    assert get("lora").skip(f"{name}.some_tag") is None
    with torch.device("meta"):
        assert adapters.attention_projections(timm.create_model(name))


SMALL = {"depth": 1, "embed_dim": 32, "num_heads": 2}
SMALL_SWIN = {"depths": (1, 1), "embed_dim": 16, "num_heads": (1, 2), "img_size": 64, "window_size": 4}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vit_tiny_patch16_224", SMALL | {"img_size": 64}),
        ("vit_base_patch16_rope_224", SMALL | {"img_size": 64}),
        ("deit_tiny_patch16_224", SMALL | {"img_size": 64}),
        ("swin_tiny_patch4_window7_224", SMALL_SWIN),
        ("swinv2_cr_tiny_224", SMALL_SWIN | {"init_values": 1.0}),
        ("cait_xxs24_224", SMALL | {"img_size": 64}),
        ("flexivit_small", SMALL | {"img_size": 64}),
        ("samvit_base_patch16", SMALL | {"img_size": 64, "global_attn_indexes": (0,)}),
        ("naflexvit_base_patch16_gap", SMALL),
    ],
)
def test_every_adapter_learns_in_every_family_that_is_not_skipped(name, options):
    import timm

    assert get("lora").skip(name) is None
    torch.manual_seed(0)
    model = adapters.adapted(timm.create_model(name, num_classes=3, **options), rank=2, alpha=2)
    parts = {key: part for key, part in model.named_parameters() if adapters.is_adapter(key)}
    for part in parts.values():
        torch.nn.init.normal_(part)  # B starts at zero, which would keep gradients from A
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert len(parts) >= 4
    assert [key for key, part in parts.items() if part.grad is None or not part.grad.any()] == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("beit_base_patch16_224", SMALL | {"img_size": 64}),
        ("eva02_base_patch14_224", SMALL | {"img_size": 56, "qkv_fused": True}),
        ("swinv2_tiny_window8_256", SMALL_SWIN),
        ("vit_medium_patch16_rope_reg1_gap_256", SMALL | {"img_size": 64}),
        ("vit_small_patch16_dinov3_qkvb", SMALL | {"img_size": 64}),
    ],
)
def test_attention_that_goes_past_its_layer_is_not_adapted(name, options):
    import timm

    assert "past any adapter" in get("lora").skip(f"{name}.some_tag")
    with pytest.raises(UserError, match="past any adapter"):
        adapters.adapted(timm.create_model(name, **options), rank=1, alpha=1)


@pytest.mark.parametrize(
    "name", ["resnet50", "tf_efficientnet_lite0", "convnext_tiny", "mobilenetv3_small_050"]
)
def test_families_that_are_skipped_have_none(name):
    import timm

    assert "this architecture does not have" in get("lora").skip(f"{name}.some_tag")
    with torch.device("meta"):
        model = timm.create_model(name)
    assert adapters.attention_projections(model) == ()
    with pytest.raises(UserError, match="attention projections"):
        adapters.adapted(model, rank=1, alpha=1)


# visual_prompt


def test_the_frame_has_the_published_number_of_parameters():
    prompted = Prompted(nn.Identity(), image_size=224, width=frame_width(224))
    assert sum(p.numel() for p in prompted.parameters()) == 69_840  # Bahng et al. 2022, section 3.2


@pytest.mark.parametrize(("side", "width"), [(224, 30), (448, 60), (112, 15), (96, 13), (32, 4), (2, 1)])
def test_the_frame_scales_with_the_image(side, width):
    assert frame_width(side) == width


def test_the_prompt_touches_only_the_frame():
    prompted = Prompted(nn.Identity(), image_size=9, width=2)
    images = torch.randn(4, 3, 9, 9)
    assert torch.equal(prompted(images), images)  # it starts as the pre-trained model
    with torch.no_grad():
        for parameter in prompted.parameters():
            parameter.fill_(0.5)
    changed = prompted(images) != images
    for row in range(9):
        for column in range(9):
            in_frame = row < 2 or row >= 7 or column < 2 or column >= 7
            assert changed[:, :, row, column].all() == in_frame
            assert changed[:, :, row, column].any() == in_frame


def test_training_a_prompt_leaves_the_backbone_bit_identical_and_moves_all_of_the_frame():
    before, _, after = trained("visual_prompt")
    backbone = {f"model.{name}": tensor for name, tensor in before.state_dict().items()}
    assert all(torch.equal(tensor, after[name]) for name, tensor in backbone.items())
    extra = after.keys() - backbone.keys()
    assert extra == {"top", "bottom", "left", "right"}
    assert all((after[name] != 0).all() for name in extra)


def test_the_wrapped_architecture_answers_as_the_trained_prompt():
    before, recipe, after = trained("visual_prompt")
    wrapped = get("visual_prompt").wrap(build(), image_size=32, width=30)
    wrapped.load_state_dict(after)
    with torch.no_grad():
        expected = recipe.model.eval()(IMAGES)
        # Not to the bit: how memory lies decides how kernels round.
        torch.testing.assert_close(wrapped.eval()(IMAGES), expected, rtol=1e-6, atol=1e-6)
        assert not torch.allclose(before(IMAGES), expected)


# flyp


def test_the_contrastive_loss_is_its_formula():
    generator = torch.Generator().manual_seed(3)
    images, texts = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    scale = 3.0

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(
            sum(x * x for x in a) * sum(y * y for y in b)
        )

    rows = [[scale * cosine(image, text) for text in texts.tolist()] for image in images.tolist()]
    expected = 0.0
    for i in range(5):
        to_text = math.log(sum(math.exp(rows[i][j]) for j in range(5))) - rows[i][i]
        to_image = math.log(sum(math.exp(rows[j][i]) for j in range(5))) - rows[i][i]
        expected += (to_text + to_image) / (2 * 5)
    assert contrastive_loss(images, texts, scale).item() == pytest.approx(expected, rel=1e-9)


class BagOfTokens(nn.Module):
    """A text tower of one embedding table."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(30, 6)

    def forward(self, tokens):
        return self.table(tokens).mean(1)


def tiny_tower(architecture="", class_names=tuple("abcdefgh")):
    assert architecture in ("", CLIP["name"])
    torch.manual_seed(5)
    tokens = torch.randint(0, 30, (len(class_names), 2, 4))
    return TextTower(BagOfTokens(), tokens, torch.randn(6, 16), math.log(10))


@pytest.fixture
def with_tower(monkeypatch):
    point = EntryPoint("tiny", "test_added_parts:tiny_tower", flyp.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: tiny_tower)
    monkeypatch.setattr(flyp, "entry_points", lambda group: [point] if group == flyp.ENTRY_POINTS else [])


def test_flyp_is_skipped_without_clip_or_without_a_text_tower(with_tower, monkeypatch):
    assert "no text tower" in get("flyp").skip("resnet50.tv_in1k")
    assert "no text tower" in get("flyp").skip("vit_base_patch16_224.augreg_in1k")
    assert get("flyp").skip(CLIP["name"]) is None
    monkeypatch.setattr(flyp, "entry_points", lambda group: [])
    monkeypatch.setattr(flyp, "find_spec", lambda name: None)
    assert "flyp needs a text tower: pip install" in get("flyp").skip(CLIP["name"])
    with pytest.raises(UserError, match="install a plug-in"):
        trained("flyp", settings=CLIP)


def test_flyp_trains_both_towers_and_leaves_plain_weights(with_tower):
    before, recipe, after = trained("flyp", settings=CLIP)
    untrained = DualEncoder(build(CLIP), tiny_tower())
    moved = {
        name.split(".")[0]
        for name, tensor in untrained.state_dict().items()
        if not torch.equal(tensor, recipe.model.state_dict()[name])
    }
    assert moved == {"image", "text", "projection", "log_scale"}
    before.load_state_dict(after)
    assert not before.head.bias.any()


def test_the_exported_classifier_ranks_classes_as_the_two_towers_do(with_tower):
    _, recipe, after = trained("flyp", settings=CLIP)
    towers = recipe.model.eval()
    plain = build(CLIP)
    plain.load_state_dict(after)
    with torch.no_grad():
        logits = plain(IMAGES)
        for image, row in zip(IMAGES, logits, strict=True):
            embedding = towers.embed_images(image[None])[0]
            scores = []
            for prompts in towers.tokens:
                each = [towers.text(prompt[None])[0] for prompt in prompts]
                text = sum(e / e.norm() for e in each)
                scores.append(float(embedding @ text / (embedding.norm() * text.norm())))
            # The same order, and the same logits but for the length of the image's embedding.
            expected = torch.tensor(scores) * towers.log_scale.exp() * embedding.norm()
            assert torch.allclose(row, expected, atol=1e-4)


def test_flyp_lowers_its_loss(with_tower):
    before = DualEncoder(build(CLIP), tiny_tower())
    _, recipe, _ = trained("flyp", settings=CLIP, lr=0.02)

    def loss(model):
        torch.manual_seed(0)
        with torch.no_grad():
            return model.eval()(IMAGES[:8], LABELS[:8]).item()

    assert loss(recipe.model) < loss(before)


def test_a_tower_for_other_classes_is_refused(with_tower, monkeypatch):
    monkeypatch.setattr(EntryPoint, "load", lambda self: lambda name, classes: tiny_tower("", classes[:3]))
    with pytest.raises(UserError, match="prompts for 3 classes, the data 8"):
        trained("flyp", settings=CLIP)
    with pytest.raises(UserError, match="did you mean 'tiny'"):
        trained("flyp", settings=CLIP, text_tower="tinny")


@pytest.mark.parametrize("chosen", [(0, 2), (1,), (0, 1, 2)])
def test_an_adapter_of_some_parts_adds_its_product_to_those_alone(chosen):
    torch.manual_seed(0)
    linear = torch.nn.Linear(5, 6)
    before, x = copy.deepcopy(linear), torch.randn(4, 3, 5)
    part = adapters.PartlyAdapted(linear, parts=3, chosen=chosen, rank=2, alpha=8.0)
    assert torch.equal(part(x), before(x))  # B starts at zero
    for up in part.lora_B:
        torch.nn.init.normal_(up)
    weight = before.weight.detach().clone()
    for number, down, up in zip(chosen, part.lora_A, part.lora_B, strict=True):
        weight[2 * number : 2 * number + 2] += 8.0 / 2 * up @ down
    expected = torch.nn.functional.linear(x, weight, before.bias)
    assert torch.allclose(part(x), expected, atol=1e-6)
    assert torch.allclose(part.merged()(x), expected, atol=1e-6)
