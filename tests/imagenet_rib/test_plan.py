"""The plan of imagenet-rib: what is shared, what is selected, and which mistakes are refused at once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gridcell.data.digits import load_digits_images
from gridcell.data.folder import write_folder
from gridcell.data.images import select
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.methods import available, flyp, get

TINY = str(Path(__file__).parent / "tiny.yaml")
TASK = find_task("imagenet-rib")


def grid(*overrides, suite=TINY, seeds=None):
    return load_suite(TASK, suite, overrides, seeds).grid()


def kinds(planned):
    return Counter(cell.kind for cell in planned.cells.values())


def test_mini_is_the_full_matrix_of_all_methods():
    planned = grid(suite="mini")
    models, sets, trained, curve = 4, 8, 6, 9  # the curve's ends are `pre` and `ft`
    assert kinds(planned) == {
        "data": sets + 2,  # and the images for pre-training and validation
        "pretrain": models,
        "fisher": models,
        "train": models * sets * trained,
        "evaluate": models * (1 + sets * (trained + curve + 2)),  # and two soups
        "features": models,
        "distance": models * sets,
    }
    tested = [t.labels for t in planned.targets if planned.cells[t.cell].kind == "evaluate"]
    asked = {(labels["model"], labels["method"], labels.get("downstream")) for labels in tested}
    assert len(asked) == models * (1 + sets * 9)


def test_one_checkpoint_serves_every_method_that_needs_it():
    planned = grid()
    (ft,) = (cell for cell in planned.cells.values() if cell.title == "vit-rich ft on r seed 0")
    users = [cell.title for cell in planned.cells.values() if ft.id in cell.needs.values()]
    assert sorted(users) == [
        "test vit-rich ft r 0",
        "test vit-rich soup r 0",
        "test vit-rich wise_ft r 0 0.5",
    ]


def titles(planned):
    return {cell.title for cell in planned.cells.values()}


PUBLISHED = str(Path(__file__).parent / "published.yaml")
WEIGHTS = "pretrainings={hub: {source: timm, tag: augreg_in21k_ft_in1k}}"


def test_cells_need_the_published_sets_they_read_and_no_others():
    """Without the data a grid can be planned, too."""
    planned = grid(WEIGHTS, "evaluation.cut=set", "distance.enabled=true", suite=PUBLISHED)
    sets = {cell.id: cell.config["set"] for cell in planned.cells.values() if cell.kind == "data"}
    assert len(sets) == 10
    for cell in planned.cells.values():
        read = {sets[need] for need in cell.needs.values() if need in sets}
        assert read == {
            "data": lambda config: set(),
            "pretrained": lambda config: set(),
            "fisher": lambda config: {"pretrain"},
            "train": lambda config: {config["downstream"]},
            "evaluate": lambda config: set(config["sets"]),
            "features": lambda config: set(config["sets"]),
            "distance": lambda config: set(),
        }[cell.kind](cell.config)


def test_no_set_is_asked_for_that_nothing_reads():
    planned = grid(WEIGHTS, "methods={ft: {}}", "downstream=[v2, r]", suite=PUBLISHED)
    assert {c.config["set"] for c in planned.cells.values() if c.kind == "data"} == {"v2", "r", "val"}


def test_seeds_repeat_the_fine_tuning_alone():
    one, three = kinds(grid()), kinds(grid(seeds=3))
    assert three["train"] == 3 * one["train"]
    assert (three["pretrain"], three["fisher"], three["data"]) == (
        one["pretrain"],
        one["fisher"],
        one["data"],
    )


def test_selecting_a_method_keeps_the_pre_trained_model_it_is_compared_with():
    planned = grid().select({"method": ["ft"], "model": ["vit-rich"]})
    assert kinds(planned) == {"data": 5, "pretrain": 1, "train": 3, "evaluate": 4}


def test_a_cut_by_set_evaluates_the_same_in_more_cells():
    whole, cut = grid(), grid("evaluation.cut=set")
    assert kinds(cut)["evaluate"] == 4 * kinds(whole)["evaluate"]
    assert kinds(cut)["train"] == kinds(whole)["train"]


def test_a_setting_changes_the_ids_it_concerns_and_no_others():
    before, after = grid(), grid("training.epochs=3")
    same = set(before.cells) & set(after.cells)
    kept = Counter(before.cells[cell].title.split()[0] for cell in same)
    assert kept == {"data": 5, "pretrain": 2, "fisher": 2, "test": 2}  # the two tests of pre-trained models


def test_merging_what_is_merged_is_refused():
    with pytest.raises(UserError, match="'wise_ft' merges weights"):
        grid("methods.soup.ingredients=[pre, wise_ft]")


def test_what_needs_a_method_that_is_skipped_is_skipped_for_its_reason():
    planned = grid("methods={ft: {}, lora: {}, soup: {ingredients: [pre, ft, lora]}}")
    reasons = {(item.labels["model"], item.labels["method"], item.reason) for item in planned.skipped}
    why = "lora adapts attention projections, which this architecture does not have"
    assert reasons == {("resnet-rich", "lora", why), ("resnet-rich", "soup", why)}
    assert len(planned.skipped) == 2 * 3
    assert not any(title.startswith("resnet-rich lora") for title in titles(planned))
    assert "vit-rich lora on r seed 0" in titles(planned)
    assert "test vit-rich soup r 0" in titles(planned)


def test_what_starts_from_a_method_that_is_skipped_is_skipped_too(monkeypatch):
    after_lora = replace(get("lp_ft"), name="after_lora", start="lora")
    known = {**available(), "after_lora": after_lora}
    for module in ("imagenet_rib.methods", "imagenet_rib.grid.chosen_methods"):
        monkeypatch.setattr(f"{module}.available", lambda: known)
    planned = grid("methods={soup: {ingredients: [pre, after_lora]}}")
    assert {item.labels["model"] for item in planned.skipped} == {"resnet-rich"}
    assert "test vit-rich soup r 0" in titles(planned)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("methods.fft={}", "Unknown method 'fft': did you mean 'ft'?"),
        ("methods.ewc.strenght=3", "Unknown setting 'methods.ewc.strenght': did you mean 'strength'?"),
        ("methods.ewc.strength=-1", "The setting 'methods.ewc.strength' is wrong"),
        ("methods.wise_ft.alpha=1.5", "The setting 'methods.wise_ft.alpha' is wrong"),
        ("downstream=[v2, scetch]", "Unknown downstream set 'scetch': did you mean 'sketch'?"),
        ("downstream=[v2]", "The setting 'downstream' is wrong"),
        ("downstream=[v2, v2]", "a value is listed twice"),
        ("seeds=[]", "The setting 'seeds' is wrong"),
        ("training.lr=0", "The setting 'training.lr' is wrong"),
        ("training.epoch=3", "Unknown setting 'training.epoch': did you mean 'epochs'?"),
        ("data.source=folder", "must name the folder"),
        ("data.root=here", "goes with data.source=folder"),
        ("data.min_images=2", "'data.min_images' goes with data.source=imagenet, not with digits"),
        ("data.classes=own", "'data.classes' goes with data.source=imagenet, not with digits"),
        ("data.objectnet=released", "'data.objectnet' goes with data.source=published, not with digits"),
        ("data.reader=torchvision", "'data.reader' goes with data.source=published and shards"),
        ("pretrainings.rich={source: timm, path: w.pth}", "'path' goes with source: file, and with no other"),
        ("pretrainings.rich={source: timm, part: model}", "'part' goes with source: file, and with no other"),
        ("methods.soup.ingredients=[ft, ft]", "an ingredient is named twice"),
        ("methods.soup.ingredients=[ft, soup]", "a soup can't be its own ingredient"),
        ("data.shifts.d={}", "Unknown shift 'd'"),
        ("data.shifts.c.per_coruption=1", "did you mean 'per_corruption'?"),
        ("architectures.vit.nmae=x", "Unknown setting 'architectures.vit.nmae': did you mean 'name'?"),
    ],
)
def test_mistakes_are_refused_in_one_sentence_that_helps(override, sentence):
    with pytest.raises(UserError) as error:
        grid(override)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_that_an_option_names_is_no_mistake_of_a_line_of_the_suite(tmp_path):
    with pytest.raises(UserError, match=r"There is no image folder nowhere$"):
        grid("data.root=nowhere", suite="lite")
    own = tmp_path / "mine.yaml"
    own.write_text("extends: lite\ndata:\n  root: nowhere\n")
    with pytest.raises(UserError, match=r"nowhere .*mine\.yaml', line 3"):
        grid(suite=str(own))


@pytest.fixture
def own_suite(tmp_path):
    """A suite that a user derived from a small folder of their own images."""
    from gridcell.data.deriving import derive_folder

    digits = load_digits_images(16)
    few = [index for label in range(3) for index in (digits.labels == label).nonzero()[0][:40]]
    write_folder(tmp_path / "own", select(digits, few))
    derive_folder(tmp_path / "own", tmp_path / "suite", size=16, parameters={"c": {"per_corruption": 1}})
    return tmp_path / "suite"


def folder(root):
    return ("data.source=folder", f"data.root={root}")


def test_the_users_own_images_keep_their_ids_wherever_they_lie(own_suite, tmp_path):
    before = grid(*folder(own_suite))
    own_suite.rename(tmp_path / "elsewhere")
    after = grid(*folder(tmp_path / "elsewhere"))
    assert set(before.cells) == set(after.cells)
    assert before.locations != after.locations
    with pytest.raises(UserError, match="holds no suite"):
        grid(*folder(own_suite))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda root: [file.unlink() for file in (root / "v2" / "1").iterdir()], "v2"),
        (lambda root: next((root / "r").rglob("*.png")).write_bytes(b"no image"), "'r'"),
    ],
    ids=["a missing class", "a corrupt image"],
)
def test_a_damaged_set_fails_its_cell_with_one_sentence(own_suite, store, damage, sentence):
    from gridcell.execute.driver import run_grid
    from gridcell.execute.options import RunOptions

    planned = grid(*folder(own_suite)).select({"method": ["ft"], "model": ["vit-rich"]})
    damage(own_suite)
    schedule = run_grid(TASK, planned, store, RunOptions(executor="inline"))
    (failed,) = schedule.failed.values()
    assert planned.cells[failed.cell].kind == "data"
    needing = {cell.id for cell in planned.cells.values() if failed.cell in cell.needs.values()}
    assert sentence in failed.failure.message
    assert "\n" not in failed.failure.message
    assert needing <= set(schedule.blocked), "and the other sets are made"


def test_a_method_takes_no_number_that_is_not_finite():
    with pytest.raises(UserError, match=r"methods\.ewc\.strength"):
        grid("methods.ewc.strength=.inf")


def test_the_papers_suite_measures_distances_beside_the_same_cells():
    one_model = ["architectures={vit_s32: {name: vit_small_patch32_224, pretrainings: [augreg_in21k]}}"]
    planned = grid(*one_model, suite="paper")
    without = grid(*one_model, "distance.enabled=false", suite="paper")
    assert kinds(planned) - kinds(without) == {"features": 1, "distance": 8}
    assert without.cells.keys() < planned.cells.keys()


def test_every_distance_is_a_target_named_by_its_model_and_set():
    planned = grid("distance.enabled=true")
    found = {
        (target.labels["model"], target.labels["downstream"]): planned.cells[target.cell]
        for target in planned.targets
        if planned.cells[target.cell].kind == "distance"
    }
    models = {target.labels["model"] for target in planned.targets}
    assert found.keys() == {(model, name) for model in models for name in ("v2", "r", "c")}
    assert all(cell.config["target"] == name for (_, name), cell in found.items())
    assert len({cell.id for cell in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("ingredients", "refused"),
    [
        ("[ft, ewc]", ""),
        ("[ft, ft]", "an ingredient is named twice"),
        ("[pre, ft]", "the pre-trained ones are there anyway"),
        ("[ft, model_stock]", "the ingredients are fine-tuned weights"),
    ],
)
def test_a_model_stock_is_of_fine_tuned_weights_each_once(ingredients, refused):
    override = f"methods.model_stock={{ingredients: {ingredients}}}"
    if not refused:
        assert "model_stock" in {target.labels.get("method") for target in grid(override).targets}
        return
    with pytest.raises(UserError, match=refused):
        grid(override)


@pytest.mark.parametrize(
    ("towers", "architecture", "reason"),
    [
        (("open_clip",), "vit_base_patch32_clip_224.laion2b", None),
        (("open_clip",), "vit_giant_patch14_clip_224.laion2b", "is not known"),
        (("mine",), "vit_giant_patch14_clip_224.laion2b", None),
        (("mine", "open_clip"), "vit_giant_patch14_clip_224.laion2b", None),
        ((), "vit_base_patch32_clip_224.laion2b", flyp.NO_TOWER),
        (("open_clip",), "resnet50", "this one has no text tower"),
    ],
)
def test_flyp_is_skipped_only_where_nobody_gives_the_models_text_tower(
    monkeypatch, towers, architecture, reason
):
    monkeypatch.setattr(flyp, "_plugged", lambda: dict.fromkeys(towers))
    found = flyp.skip(architecture)
    assert found is None if reason is None else reason in found
