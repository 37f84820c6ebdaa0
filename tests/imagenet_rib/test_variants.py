"""Named variants of methods and training of a method's own: what they change, and what they leave alone."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.grid.training_settings import Optimiser, TrainingChanges, changed
from imagenet_rib.method import FineTuning, Parameters
from imagenet_rib.methods import collect

TINY = str(Path(__file__).parent / "tiny.yaml")
ONE = ("architectures.resnet.pretrainings=[rich]", "downstream=[v2, r]")


def grid(methods, *overrides):
    return load_suite(find_task("imagenet-rib"), TINY, (f"methods={methods}", *overrides)).grid()


def trained(planned):
    return [cell for cell in planned.cells.values() if cell.kind == "train"]


def test_a_label_is_in_no_id():
    plain = grid("{ft: {}, ewc: {strength: 200}, soup: {}}")
    named = grid(
        "{ft: {}, soft: {kind: ewc, strength: 200}, mix: {kind: soup, ingredients: [pre, ft, soft, lwf]}}"
    )
    assert plain.cells.keys() == named.cells.keys()
    labels = {target.labels["method"] for target in named.targets}
    assert labels == {"pre", "ft", "soft", "mix"}


def test_a_method_without_its_own_training_keeps_its_ids():
    plain = grid("{ft: {}, lp: {}}")
    other = grid("{ft: {}, lp: {}, ft-hot: {kind: ft, training: {lr: 0.5}}, lwf: {training: {epochs: 3}}}")
    assert plain.cells.keys() < other.cells.keys()
    repeated = grid("{ft: {}, again: {kind: ft, training: {lr: 0.003}}, lp: {}}", "training.lr=0.003")
    assert repeated.cells.keys() == grid("{ft: {}, lp: {}}", "training.lr=0.003").cells.keys()


def test_a_methods_training_changes_what_it_names_and_nothing_else():
    planned = grid(
        "{ft: {}, lp: {training: {lr: 40.0, warmup_steps: 7, schedule: constant, precision: bf16}}}"
    )
    configs = {cell.config["method"]: cell.config["training"] for cell in trained(planned)}
    expected = {**configs["ft"], "lr": 40.0, "warmup_steps": 7, "schedule": "constant", "precision": "bf16"}
    del expected["warmup_share"]
    assert configs["lp"] == expected


def test_a_variant_is_started_from_and_merged_by_name():
    planned = grid(
        "{lp: {}, lp-long: {kind: lp, training: {epochs: 9}}, lp_ft: {from: {lp: lp-long}}, "
        "ewc-1: {kind: ewc, strength: 1}, ewc-9: {kind: ewc, strength: 9}, "
        "soup: {ingredients: [ewc-1, ewc-9]}, wise: {kind: wise_ft, from: {ft: ewc-9}, curve: []}}"
    )
    cells = planned.cells
    started = next(cell for cell in trained(planned) if cell.config["method"] == "lp_ft")
    assert cells[started.needs["start"]].config["training"]["epochs"] == 9
    merged = {
        target.labels["method"]: cells[target.cell].needs
        for target in planned.targets
        if cells[target.cell].config.get("merge")
    }
    strengths = [cells[merged["soup"][role]].config["parameters"]["strength"] for role in ("ewc", "ewc 2")]
    assert strengths == [1, 9]
    assert cells[merged["wise"]["ft"]].config["parameters"] == {"strength": 9}


@pytest.mark.parametrize(
    ("methods", "sentence"),
    [
        ("{x: {kind: ewcc}}", "Unknown method 'ewcc': did you mean 'ewc'?"),
        ("{x: {strength: 3}}", "Unknown method 'x'"),
        ("{ewc: {kind: l2_sp}}", "'ewc' is a method itself; name the variant of 'l2_sp' otherwise"),
        ("{x: {kind: ewc, strenght: 3}}", "Unknown setting 'methods.x.strenght': did you mean 'strength'?"),
        ("{ft: {training: {lrr: 3}}}", "Unknown setting 'methods.ft.training.lrr': did you mean 'lr'?"),
        ("{ft: {training: {lr: -1}}}", "The setting 'methods.ft.training.lr' is wrong"),
        ("{soup: {training: {lr: 1}}}", "it has no effect: 'soup' merges"),
        ("{ft: {from: {lp: ft}}}", "Unknown method in 'ft.from': 'lp'"),
        ("{lp_ft: {from: {lp: nothing}}}", "Unknown method needed by 'lp_ft': 'nothing'"),
        ("{soup: {ingredients: [pre, ewc-2]}}", "Unknown method needed by 'soup': 'ewc-2'"),
        ("{a: {kind: lp_ft, from: {lp: b}}, b: {kind: lp_ft, from: {lp: a}}}", "circle"),
        ("{ft: {training: {warmup_steps: 3, warmup_share: 0.1}}}", "give one of them"),
        ("{ft: 3}", "The setting 'methods.ft' is wrong"),
        ("{ft: {training: {precision: half}}}", "The setting 'methods.ft.training.precision' is wrong"),
    ],
)
def test_mistakes_are_refused_in_one_sentence(methods, sentence):
    with pytest.raises(UserError) as error:
        grid(methods)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("methods", "one", "other"),
    [
        ("{ft: {}, a: {kind: ft}, m: {kind: model_stock, ingredients: [ft, a]}}", "ft", "a"),
        ("{a: {kind: ft}, m: {kind: soup, ingredients: [pre, a, ft]}}", "a", "ft"),
        ("{ft: {}, m: {kind: soup, from: {ewc: ft}}}", "ft", "ft"),
        ("{m: {kind: wise_ft, from: {ft: pre}}}", "pre", "pre"),
        ("{ft: {}, a: {kind: ft, training: {lr: 0.003}}, m: {kind: soup, ingredients: [a, ft]}}", "a", "ft"),
    ],
)
def test_a_merge_of_one_training_with_itself_is_refused(methods, one, other):
    """Two entries of the same settings are one cell: a stock of them would agree with itself."""
    with pytest.raises(UserError, match=f"'m' merges the same weights twice, as '{one}' and as '{other}'"):
        grid(methods, "training.lr=0.003")


def test_a_merge_of_two_learning_rates_is_planned():
    two = "{ft: {}, a: {kind: ft, training: {lr: 0.1}}, m: {kind: model_stock, ingredients: [ft, a]}}"
    assert grid(two, "training.lr=0.003").targets


def test_batches_of_a_methods_own_must_be_divisible_too():
    with pytest.raises(UserError, match=r"methods\.ft\.training\.batch_size"):
        grid("{ft: {training: {batch_size: 15}}}", "resources.workers=2", "training.batch_size=16")


def test_a_setting_below_a_method_without_any_can_be_given():
    suite = load_suite(find_task("imagenet-rib"), "paper", ["methods.ft.training.lr=1.0e-4"])
    assert suite.settings.methods["ft"].training.lr == 1e-4


def test_a_method_may_not_take_the_suites_words_for_its_parameters():
    class Taken(Parameters):
        training: int = 1

    with pytest.raises(UserError, match="'training'"):
        collect([FineTuning("mine", "Summary.", lambda start: None, parameters=Taken, start="mine")])


@given(st.integers(0, 500), st.floats(0, 0.9))
def test_the_later_warm_up_replaces_the_earlier(steps, share):
    base = Optimiser(warmup_share=0.3)
    in_steps = changed(base, TrainingChanges(warmup_steps=steps))
    assert in_steps.identity() == {
        **{key: value for key, value in Optimiser().identity().items() if key != "warmup_share"},
        "warmup_steps": steps,
    }
    assert changed(in_steps, TrainingChanges(warmup_share=share)).identity()["warmup_share"] == share
    assert changed(base) == base
