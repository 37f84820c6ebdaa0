"""Evaluation in parts gives what evaluation at once gives; and what a grid will cost."""

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, strategies as st

from gridcell import plugins
from gridcell.data.images import LabelledImages
from gridcell.data.importers.registry import registry as importers
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.grid import cost
from imagenet_rib.grid.cost import IMAGES, durations, estimate
from imagenet_rib.grid.plan import plan
from imagenet_rib.grid.slices import evaluation_cuts, join, key_of, members
from imagenet_rib.grid.throughput import MEASURED, throughput_of
from imagenet_rib.settings import Settings

GROUPS = ("fog/1", "fog/2", "snow/1", "foggy/1")


def labelled(group_of):
    count = len(group_of)
    return LabelledImages(
        name="c",
        images=np.zeros((count, 1, 1, 3), dtype=np.uint8),
        labels=np.zeros(count, dtype=np.int64),
        classes=(0,),
        class_names=("x",),
        groups=GROUPS,
        group_of=np.array(group_of, dtype=np.int64),
    )


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.randoms())
def test_parts_join_to_the_whole(group_of, random):
    images = labelled(group_of)
    right = np.array([random.random() < 0.5 for _ in group_of])
    there = {GROUPS[group].split("/")[0] for group in group_of}
    parts = {key_of("c", name): right[members(images, name)] for name in there}
    joined = join({**parts, "val": np.array([True])}, {"c": images})
    assert joined.keys() == {"c", "val"}
    assert np.array_equal(joined["c"], right)
    missing = random.choice(sorted(parts))
    assert join({key: value for key, value in parts.items() if key != missing}, {"c": images}).keys() == set()


def test_a_set_without_groups_has_no_parts():
    images = labelled([0])
    plain = LabelledImages("v2", images.images, images.labels, (0,), ("x",))
    assert len(members(plain, "fog")) == 0


def test_every_set_and_corruption_is_evaluated_once():
    sets = ["v2", "c", "val"]
    assert evaluation_cuts(sets, "model") == [{"sets": sets}]
    assert evaluation_cuts(sets, "set") == [{"sets": [name]} for name in sets]
    cuts = evaluation_cuts(sets, "corruption", ["fog", "snow"])
    assert [cut["sets"] for cut in cuts if "corruption" not in cut] == [["v2"], ["val"]]
    assert [cut["corruption"] for cut in cuts if cut["sets"] == ["c"]] == ["fog", "snow"]
    assert len(cuts) == 2 + 2


def settings(**changes):
    given = {
        "data": {"source": "published"},
        "architectures": {"a": {"name": "resnet50"}},
        "pretrainings": {"p": {"source": "torchvision"}},
        "methods": {"ft": None},
        "downstream": ["v2", "a"],
    }
    return Settings.model_validate(given | changes)


@pytest.mark.parametrize("cut", ["model", "set", "corruption"])
def test_cost_is_counted_image_by_image(cut):
    few = settings(evaluation={"cut": cut}, downstream=["a", "c"])
    lines = estimate(few, plan(few))
    speed = MEASURED["resnet50"]
    shown, tested = (7_500 + 3_750_000) * 10, 7_500 + 3_750_000 + 50_000
    # One core decodes for training more slowly than the GPU trains; the three models that are tested (pre,
    # and fine-tuned on each) share what is decoded.
    hours = {"train": shown / 312 / 3600, "evaluate": max(3 * tested / speed.infer, tested / 312) / 3600}
    assert shown / 312 > shown / speed.train
    whole = f"{sum(hours.values()):,.0f} (evaluate {hours['evaluate']:,.0f}, train {hours['train']:,.0f})"
    assert lines["GPU-hours, roughly"].startswith(whole)
    assert lines["images decoded"].startswith("41.4 M (evaluate 3.81 M, train 37.6 M)")
    assert lines["images decoded"].endswith("49 M if each cell went alone")


def test_more_cores_decode_until_the_gpu_is_what_takes_time():
    many = settings(resources={"cpus": 8}, downstream=["a", "c"])
    speed = MEASURED["resnet50"]
    trained = (7_500 + 3_750_000) * 10 / speed.train / 3600
    assert f"train {trained:,.0f})" in estimate(many, plan(many))["GPU-hours, roughly"]


def test_the_faster_reader_takes_less_where_reading_is_what_takes_time():
    hours = {}
    for reader in ("pil", "torchvision"):
        one = settings(data={"source": "published", "reader": reader})
        hours[reader] = sum(durations(one, plan(one)).values())
    assert hours["pil"] / hours["torchvision"] == pytest.approx(870 / 312)  # one core feeds a GPU


def test_the_faster_reader_is_named_where_it_saves_hours():
    told = {}
    for reader, cpus in (("pil", 1), ("pil", 16), ("torchvision", 1)):
        one = settings(data={"source": "published", "reader": reader}, resources={"cpus": cpus})
        told[reader, cpus] = estimate(one, plan(one))["GPU-hours, roughly"]
    fast = told["torchvision", 1].partition(" ")[0]
    assert told["pil", 1].endswith(f"312 images/s (data.reader=pil); {fast} with data.reader=torchvision")
    assert told["pil", 16].endswith("312 images/s (data.reader=pil)")  # the GPU is what takes time
    assert told["torchvision", 1].endswith("870 images/s (data.reader=torchvision)")


def test_parts_of_sets_cost_their_part():
    few = settings(
        downstream=["a", "c"],
        resources={"cpus": 8},
        training={"max_images": 30_000},
        evaluation={"max_images": 10_000, "cut": "corruption"},
    )
    planned = plan(few)
    speed = MEASURED["resnet50"]
    trained = (7_500 + 30_000) * 10 / speed.train
    tested = 3 * (7_500 + 10_000 + 10_000) / speed.infer
    assert sum(durations(few, planned).values()) == pytest.approx(trained + tested)
    assert sum("at most" in note for note in planned.notes) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_probe_counts_its_images_once_and_a_teacher_beside_the_epochs(workers):
    """Five seeds compute features together; several processes that train one model share none with others."""
    few = settings(
        methods={"lp": None, "lwf": None},
        downstream=["a", "r"],
        seeds=[0, 1, 2, 3, 4],
        training={"epochs": 4},
        resources={"cpus": 100, "workers": workers},  # that decode faster than any GPU computes
    )
    grid, speed = plan(few), MEASURED["resnet50"]
    seconds = durations(few, grid)
    found = {"lp": 0.0, "lwf": 0.0}
    for cell in grid.cells.values():
        if cell.kind == "train":
            found[cell.config["method"]] += seconds[cell.id]
    images = 7_500 + 30_000
    assert found["lp"] == pytest.approx((5 if workers > 1 else 1) * images / speed.infer)
    assert found["lwf"] == pytest.approx(5 * (4 * images / speed.train + images / speed.infer))
    decoded = {1: "975 k", 2: "1.12 M"}[workers]  # 26 or 30 times 37,500
    assert f"train {decoded})" in estimate(few, grid)["images decoded"]
    if workers == 1:  # in a single epoch probe and teacher answer what is decoded for the training anyway
        once = few.model_copy(update={"training": few.training.model_copy(update={"epochs": 1})})
        assert "train 375 k)" in estimate(once, plan(once))["images decoded"]  # 10 times 37,500


def test_storage_is_the_weights():
    few = settings()
    assert estimate(few, plan(few))["storage"].startswith("0 GB")  # three times 102 MB
    many = settings(seeds=list(range(100)))
    assert estimate(many, plan(many))["storage"].startswith(f"{201 * 25.56e6 * 4 / 1e9:,.0f} GB")


def test_models_without_figures_are_named_not_guessed():
    few = settings(architectures={"a": {"name": "wide_resnet50_2", "pretrainings": ["p"]}})
    assert "6 cells of wide_resnet50_2.tv_in1k" in estimate(few, plan(few))["not counted"]


def test_other_data_are_not_estimated():
    suite = load_suite(find_task("imagenet-rib"), "mini")
    assert estimate(suite.settings, suite.grid()) == {}


@pytest.mark.slow
def test_the_papers_suite_has_figures_for_all_its_models():
    suite = load_suite(find_task("imagenet-rib"), "paper")
    lines = estimate(suite.settings, suite.grid())
    assert lines.keys() == {"GPU-hours, roughly", "images decoded", "storage"}
    assert lines["GPU-hours, roughly"].endswith("(data.reader=pil)")  # with 8 CPUs the other saves little
    assert throughput_of("vit_base_patch16_clip_224.openai_ft_in1k") == MEASURED["vit_base_patch16_224"]
    assert sum(IMAGES.values()) == 4_016_963


def test_what_adds_to_the_architecture_can_not_be_merged():
    with pytest.raises(UserError, match="'visual_prompt' adds to the architecture"):
        plan(settings(methods={"soup": {"ingredients": ["pre", "visual_prompt"]}}))


INVERSION = """
from gridcell.data.corruptions.registry import Corruption

CORRUPTIONS = (Corruption("inversion", "digital", lambda images, severity, rng: 1 - images),)
"""


def test_a_corruption_from_outside_makes_other_data(tmp_path):
    """Set c shows it, too: under the same id a store would hold one of two different sets."""

    def data_cells():
        grid = load_suite(find_task("imagenet-rib"), "mini").grid()
        return {cell.config["set"]: cell for cell in grid.cells.values() if cell.kind == "data"}

    before = data_cells()
    (tmp_path / "inversion_of_test.py").write_text(INVERSION)
    try:
        plugins.load([tmp_path / "inversion_of_test.py"])
        after = data_cells()
    finally:
        plugins.forget()
    assert "corruptions" not in before["c"].config
    assert after["c"].config["corruptions"] == {"inversion": 1}
    assert [name for name in before if after[name].id != before[name].id] == ["c"], "no other set shows it"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (1, "1"), (999, "999"), (1e3, "1 k"), (36_200, "36.2 k"), (1e6, "1 M"), (36.2e9, "36.2 G")],
)
def test_numbers_of_images_are_told_in_thousands_of_each_other(count, shown):
    assert cost._short(count) == shown


def test_of_a_few_images_each_is_counted():
    few = settings(
        training={"max_images": 3, "epochs": 2},
        evaluation={"max_images": 5, "cut": "set"},
        downstream=["v2", "a"],
    )
    lines = estimate(few, plan(few))
    trained, tested = 2 * 2 * 3, 3 * 3 * 5  # on v2, a and val: before, and fine-tuned on each
    assert lines["images decoded"].endswith(f" {trained + tested} if each cell went alone")


@pytest.mark.parametrize("name", MEASURED)
def test_a_models_figures_are_those_of_its_own_size(name):
    """Its parameters as timm builds it; a step of training takes about three passes forward."""
    with torch.device("meta"):
        parameters = sum(one.numel() for one in timm.create_model(name).parameters())
    assert MEASURED[name].parameters == round(parameters / 1e6, 2)
    assert 2.7 < MEASURED[name].infer / MEASURED[name].train < 4


def test_published_sets_have_as_many_images_as_their_importers_expect():
    assert {name: importers.get(name).images for name in IMAGES} == IMAGES
