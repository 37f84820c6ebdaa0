"""What every method must do, and what each one's weights must be."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gridcell.data.batches import Batches
from gridcell.errors import UserError
from gridcell.learn.classifier import Classifier
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from imagenet_rib.learning.fisher import diagonal_fisher
from imagenet_rib.learning.models import build_model, head_parameters
from imagenet_rib.method import FineTuning, Merging, Recipe, Start
from imagenet_rib.methods import available, get

ARCHITECTURES = {
    "vit": {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "resnet": {"name": "resnet18", "layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]},
}
CLASSES = torch.tensor([0, 2, 3, 7])
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(24, 3, 32, 32, generator=GENERATOR)
LABELS = CLASSES[torch.randint(0, 4, (24,), generator=GENERATOR)]


def pretrained(architecture="resnet"):
    torch.manual_seed(1)
    return build_model(num_classes=8, image_size=32, **ARCHITECTURES[architecture])


def start(model, before, *, fisher=None):
    return Start(
        model=model,
        reference={name: tensor.clone() for name, tensor in before.state_dict().items()},
        fisher=fisher,
        classes=CLASSES,
        head=head_parameters(before),
        teacher=lambda: copy.deepcopy(before),
        image_size=32,
    )


def train(method, given, *, epochs=1, lr=0.01, **parameters: Any):
    recipe = method.prepare(given, **method.parameters(**parameters).model_dump())
    assert isinstance(recipe, Recipe)
    module = Classifier(
        recipe.model,
        recipe.loss,
        optimisation=Optimisation(lr=lr),
        trainable=recipe.trainable,
        frozen_statistics=recipe.frozen_statistics,
    )
    fit(module, Batches(IMAGES, LABELS, batch_size=8), epochs=epochs, seed=0)
    return recipe.export(recipe.model)


def tuned(name, architecture="resnet", *, model=None, **settings: Any):
    before = pretrained(architecture)
    fisher = diagonal_fisher(before, IMAGES) if "fisher" in get(name).statistics else None
    return train(get(name), start(model or copy.deepcopy(before), before, fisher=fisher), **settings)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def far_apart(first, second):
    return max((first[k] - second[k]).abs().max().item() for k in first if first[k].is_floating_point())


# The contract


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", available())
def test_every_method_keeps_the_contract(name, architecture):
    method = get(name)
    assert method.name == name
    assert method.summary.endswith(".")
    assert len(method.summary) > 20
    reason = method.skip(ARCHITECTURES[architecture]["name"])
    if reason is not None:
        assert reason
        return
    parameters = method.parameters()  # every setting has a default
    assert method.parameters.model_config["extra"] == "forbid"
    before = pretrained(architecture)
    if isinstance(method, FineTuning):
        exported = tuned(name, architecture)
        assert not same(exported, before.state_dict())
    else:
        assert isinstance(method, Merging)
        ingredients = method.ingredients(parameters)
        weights = {other: pretrained(architecture).state_dict() for other in ingredients}
        variants = method.variants(parameters)
        assert variants
        assert len({tuple(variant.items()) for variant in variants}) == len(variants)
        exported = method.merge(weights, **variants[0])
        assert same(exported, before.state_dict())  # a merge of equals changes nothing
    if isinstance(method, FineTuning) and method.wrap is not None:
        before = method.wrap(before, image_size=32, **parameters.model_dump())
    before.load_state_dict(exported)
    assert before.eval()(IMAGES).shape == (24, 8)
    assert all(tensor.isfinite().all() for tensor in exported.values())


# Each method


def test_linear_probing_leaves_backbone_and_statistics_bit_identical():
    before, after = pretrained().state_dict(), tuned("lp")
    assert sorted(k for k in before if not torch.equal(before[k], after[k])) == ["fc.bias", "fc.weight"]


def test_the_head_learns_only_the_subsets_classes():
    before, after = pretrained().state_dict(), tuned("lp")
    changed = (before["fc.weight"] != after["fc.weight"]).any(1)
    assert changed.nonzero()[:, 0].tolist() == CLASSES.tolist()


def test_lp_ft_starts_where_lp_ended():
    assert get("lp_ft").start == "lp"
    probe = pretrained("vit")
    probe.load_state_dict(tuned("lp", "vit"))
    assert not same(probe.state_dict(), pretrained("vit").state_dict())
    # At a rate of zero, training ends where it started.
    assert same(tuned("lp_ft", "vit", model=copy.deepcopy(probe), lr=0.0), probe.state_dict())
    assert not same(tuned("lp_ft", "vit", model=copy.deepcopy(probe)), probe.state_dict())


@pytest.mark.parametrize(
    ("name", "off"), [("ewc", {"strength": 0}), ("l2_sp", {"strength": 0}), ("lwf", {"alpha": 0})]
)
def test_a_regulariser_of_no_strength_is_plain_fine_tuning_bit_for_bit(name, off):
    assert same(tuned(name, **off, epochs=2), tuned("ft", epochs=2))


def test_l2_sp_is_ewc_with_unit_importance():
    before = pretrained("vit")
    ones = {name: torch.ones_like(p) for name, p in before.named_parameters()}
    ewc = train(get("ewc"), start(copy.deepcopy(before), before, fisher=ones), epochs=2, strength=0.3)
    l2_sp = train(get("l2_sp"), start(copy.deepcopy(before), before), epochs=2, strength=0.3)
    assert far_apart(ewc, l2_sp) < 1e-6


def test_ewc_without_fisher_information_is_refused():
    with pytest.raises(UserError, match="Fisher"):
        train(get("ewc"), start(pretrained(), pretrained()))


def test_the_ends_of_wise_ft_are_pre_and_ft():
    weights = {"pre": pretrained().state_dict(), "ft": tuned("ft")}
    merge = get("wise_ft").merge
    assert same(merge(weights, alpha=0.0), weights["pre"])
    assert same(merge(weights, alpha=1.0), weights["ft"])


def test_a_soup_of_any_subset_is_its_mean():
    soup = get("soup")
    chosen = soup.parameters(ingredients=["pre", "lp"])
    assert soup.ingredients(chosen) == ("pre", "lp")
    assert soup.needs(soup.parameters()) == ("pre", "ft", "ewc", "lwf")
    pre, lp = pretrained().state_dict(), tuned("lp")
    merged = soup.merge({"pre": pre, "lp": lp})
    assert torch.allclose(merged["fc.weight"], (pre["fc.weight"] + lp["fc.weight"]) / 2)


# What regularisers are for: a problem whose answer is known


def shifted_problem(size, angle, seed):
    """Two classes parted by a line through the origin at an angle (radians)."""
    points = torch.randn(size, 2, generator=torch.Generator().manual_seed(seed))
    normal = torch.tensor([torch.cos(torch.tensor(angle)), torch.sin(torch.tensor(angle))])
    return points, (points @ normal > 0).long()


def line_accuracy(weights, points, labels):
    model = nn.Linear(2, 2)
    model.load_state_dict(weights)
    return (model(points).argmax(1) == labels).float().mean().item()


@pytest.fixture(scope="module")
def line():
    """A model of a line at angle 0 with its data, and data of a line turned by a radian."""
    old, new = shifted_problem(400, 0.0, 1), shifted_problem(400, 1.0, 2)
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    settings = Optimisation(lr=0.05)
    module = Classifier(model, lambda m, x, y: nn.functional.cross_entropy(m(x), y), optimisation=settings)
    fit(module, Batches(*old, batch_size=50), epochs=10, seed=0)
    return model, old, new


def tuned_line(line, name, **parameters: Any):
    model, old, new = line
    given = Start(
        model=copy.deepcopy(model),
        reference=copy.deepcopy(model.state_dict()),
        fisher=diagonal_fisher(model, old[0]),
        classes=torch.arange(2),
        head=(),
        teacher=lambda: copy.deepcopy(model),
    )
    method = get(name)
    recipe = method.prepare(given, **method.parameters(**parameters).model_dump())
    module = Classifier(recipe.model, recipe.loss, optimisation=Optimisation(lr=0.1))
    fit(module, Batches(*new, batch_size=50), epochs=20, seed=0)
    return recipe.export(recipe.model)


# Accuracies on the old data and on the new, as these settings gave them when every term had been checked
# against its formula: a regulariser that breaks silently moves them.
GOLDEN = {
    ("ewc", "strength"): {0: (0.697, 0.993), 1: (0.762, 0.915), 10: (0.947, 0.700)},
    ("l2_sp", "strength"): {0: (0.697, 0.993), 0.03: (0.757, 0.930), 0.3: (0.915, 0.733)},
    ("lwf", "alpha"): {0: (0.697, 0.993), 1: (0.767, 0.910), 8: (0.915, 0.733)},
}


@pytest.mark.parametrize(("name", "parameter"), GOLDEN)
def test_stronger_regularisers_keep_more_of_the_old_and_learn_less_of_the_new(line, name, parameter):
    model, old, new = line
    assert line_accuracy(model.state_dict(), *old) > 0.97
    assert line_accuracy(model.state_dict(), *new) < 0.70
    for strength, golden in GOLDEN[name, parameter].items():
        weights = tuned_line(line, name, **{parameter: strength})
        accuracies = line_accuracy(weights, *old), line_accuracy(weights, *new)
        assert accuracies == pytest.approx(golden, abs=0.02), strength


def test_an_endless_penalty_keeps_the_pre_trained_weights(line):
    model = line[0]
    # Beyond 19, steps at this rate and momentum would overshoot: 2 * lr * strength < 2 * (1 + momentum).
    before = model.state_dict()
    distances = [far_apart(tuned_line(line, "l2_sp", strength=s), before) for s in (0, 0.1, 1, 5)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.02 * distances[0]


def test_defaults_are_those_of_the_methods_papers():
    """LwF: T = 2, equal weights (Li and Hoiem 2018). WiSE-FT: 0.5, a curve in tenths (Wortsman et al. 2022).

    LoRA: alpha twice the rank. A prompt of 30 pixels (Bahng et al. 2022).
    """
    found = {name: get(name).parameters().model_dump() for name in available()}
    assert found["lwf"] == {"alpha": 1.0, "temperature": 2.0}
    assert found["wise_ft"]["alpha"] == 0.5
    assert found["wise_ft"]["curve"] == pytest.approx(np.linspace(0, 1, 11))
    assert found["lora"]["alpha"] == 2 * found["lora"]["rank"] == 16
    assert found["visual_prompt"]["width"] == 30
    assert found["soup"]["ingredients"] == ("pre", "ft", "ewc", "lwf")
    assert found["ewc"]["strength"] == found["l2_sp"]["strength"] == 1.0
