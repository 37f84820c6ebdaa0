"""timm is asked at planning whether a model takes its options."""

import pytest
import yaml

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.grid import model_options
from imagenet_rib.grid.model_options import FAMILIAR, RESERVED, check_options, digest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDCELL_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("vit.options.drop_rate=true", "a number is expected, not true"),
        ("vit.options.qkv_bias=no", "vit.options.qkv_bias' is wrong: it must be true or false .it is 'no'"),
        ("vit.options.qkv_bias=1", "it must be true or false .it is 1"),
        ("resnet.options.zero_init_last=0", "it must be true or false .it is 0"),
        ("vit.options.depth='1e-5'", "doesn't fit model 'vit_tiny_patch16_224' .*'depth' is text"),
        ("vit.options.num_heads=5", "doesn't fit model"),
        ("vit.options.drop_rte=0.1", "options.drop_rte' of vit_tiny_patch16_224: did you mean 'drop_rate'"),
        ("resnet.options.global_pool=''", "doesn't fit model"),
        *((f"vit.options.{key}=1", "has no place here") for key in RESERVED),
    ],
)
def test_an_option_that_the_model_does_not_take_is_refused_at_planning(override, sentence):
    with pytest.raises(UserError, match=sentence):
        load_suite(find_task("imagenet-rib"), "mini", [f"architectures.{override}"])


def test_small_numbers_in_options_are_numbers():
    settings = load_suite(
        find_task("imagenet-rib"), "mini", ["architectures.vit.options.drop_path_rate=1e-5"]
    ).settings
    assert settings.architectures["vit"].options["drop_path_rate"] == 1e-5


def test_what_was_found_right_is_not_built_again(monkeypatch):
    check_options("resnet18", {"layers": [1, 1, 1, 2]})
    monkeypatch.setattr(model_options, "_build", lambda *_: pytest.fail("built again"))
    check_options("resnet18", {"layers": [1, 1, 1, 2]})


def test_options_that_timm_is_not_asked_about_are_right_and_all_in_use():
    suites = find_task("imagenet-rib").suites.glob("*.yaml")
    models = [
        model
        for path in suites
        for model in yaml.safe_load(path.read_text()).get("architectures", {}).values()
        if model.get("options")
    ]
    assert {digest(model["name"], model["options"]) for model in models} == FAMILIAR
    for model in models:
        model_options._build(model["name"], model["options"])
