"""What cells of a kind occupy is said by the suite, reaches Ray, and is no part of any id."""

import json
from dataclasses import asdict

import pytest
import toy_task

from gridcell.cell import Cell, Resources
from gridcell.errors import UserError
from gridcell.execute.cluster import Room, bundles, can_hold, check_resources, homeless, offers
from gridcell.execute.searcher import _more
from gridcell.execute.trial import CellTrial
from gridcell.suite import load_suite
from gridcell.task import find_task

H100 = Resources(4, 1.0, memory_gb=32, gpu_type="H100", custom=(("fast_disk", 1.0),))


def suite_of(tmp_path, text, *overrides):
    (tmp_path / "own.yaml").write_text(text)
    return load_suite(toy_task.task, str(tmp_path / "own.yaml"), overrides)


def test_a_kind_occupies_what_the_suite_says_and_its_cells_keep_their_ids(tmp_path):
    asks = "{gpus: 1, memory_gb: 32, gpu_type: H100, custom: {fast_disk: 1}}"
    suite = suite_of(tmp_path, f"width: 2\nresources: {{step: {asks}}}\n", "resources.step.cpus=4")
    grid, plain = suite.grid(), toy_task.plan(toy_task.Settings(width=2))
    assert set(grid.cells) == set(plain.cells)
    assert {cell.kind: cell.resources for cell in grid.cells.values()} == {"step": H100, "total": Resources()}
    for cell in grid.cells.values():
        assert Cell.from_record(json.loads(json.dumps(cell.to_record()))).resources == cell.resources


def test_the_task_keeps_its_own_resources_beside_those_of_kinds():
    overrides = ["resources.cpus=2", "resources.train.memory_gb=4", "resources.train.custom.big=0.5"]
    cells = load_suite(find_task("imagenet-rib"), "mini", overrides).grid().cells.values()
    train = {cell.resources for cell in cells if cell.kind == "train"}
    assert train == {Resources(2, memory_gb=4, custom=(("big", 0.5),))}
    assert {cell.resources.memory_gb for cell in cells if cell.kind != "train"} == {0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resources: {stepp: {memory_gb: 3}}", "did you mean 'step'"),
        ("resources:\n  step:\n    memory_bg: 3", "own.yaml., line 3"),
        ("resources: {step: {memory_gb: 0}}", "memory_gb"),
        ("resources: {step: {workers: 2}}", "workers"),
        ("resources: {step: {custom: {disk: 0}}}", "custom.disk"),
        ("resources: {step: {gpu_type: 'a b'}}", "gpu_type"),
        ("resources: {step: {gpu_type: H100}}", "resources.step.gpus, too"),
        ("resources: {cpus: 2}", "resources"),  # this task has none of its own
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        suite_of(tmp_path, text).grid()


def test_ray_is_asked_for_all_of_it():
    asked = {"CPU": 4.0, "GPU": 1.0, "memory": 32e9, "accelerator_type:H100": 0.001, "fast_disk": 1.0}
    assert bundles(H100) == [asked]
    config = {"cells": [], "cpus": 4, "gpus": 1.0, "workers": 1, "avoid": (), "more": _more(H100)}
    assert CellTrial.default_resource_request(config).bundles == [asked]


def test_what_no_node_holds_is_found():
    large = {"CPU": 8, "GPU": 2, "memory": 64e9, "accelerator_type:A100": 1, "fast_disk": 2}
    right = {**large, "accelerator_type:H100": 1}
    assert not can_hold(large, H100)
    assert can_hold(right, H100)
    many = Resources(16)
    assert homeless([H100, Resources(), many, H100], [large, right]) == [many]
    assert homeless([H100], [large]) == [H100]
    assert homeless([H100], []) == [H100]


def test_they_read_like_a_sentence():
    assert str(Resources()) == "1 CPU"
    assert str(H100) == "4 CPUs, 1 GPU (H100), 32 GB, 1 fast_disk"
    assert str(Resources(2, 2, 3)) == "3 workers of 2 CPUs, 2 GPUs"


# Labels of nodes.

HERE = Resources(labels=(("disk", "nvme"), ("ray.io/zone", "a")))


def selectors(request):
    """Return what Ray's placement group is asked for beside amounts."""
    return request._kwargs.get("bundle_label_selector")


def test_labels_of_nodes_are_said_by_the_suite_and_reach_ray(tmp_path):
    suite = suite_of(
        tmp_path, "resources: {step: {labels: {disk: nvme}}}\n", "resources.step.labels.ray.io/zone=a"
    )
    (found,) = {cell.resources for cell in suite.grid().cells.values() if cell.kind == "step"}
    assert found == HERE
    assert suite.grid().cells.keys() == toy_task.plan(toy_task.Settings()).cells.keys()
    assert Resources.from_record(json.loads(json.dumps(asdict(HERE)))) == HERE
    assert str(HERE) == "1 CPU, a node labelled disk=nvme, a node labelled ray.io/zone=a"
    config = {"cells": [], "cpus": 1, "gpus": 0.0, "workers": 1, "avoid": ("n1", "n2"), "more": _more(HERE)}
    asked = CellTrial.default_resource_request(config)
    assert asked.bundles == [{"CPU": 1.0}]  # a label is no amount of anything
    selector = {"disk": "nvme", "ray.io/zone": "a"}
    assert selectors(asked) == [selector | {"ray.io/node-id": "!in(n1,n2)"}]
    several = CellTrial.default_resource_request(config | {"workers": 2, "avoid": ()})
    assert selectors(several) == [selector] * 2
    config["more"] = _more(Resources())
    assert selectors(CellTrial.default_resource_request(config | {"avoid": ()})) is None


@pytest.mark.parametrize("labels", ["{'a b': x}", "{disk: '!nvme'}", "{disk: 'in(a,b)'}", "{disk: ''}"])
def test_a_label_is_a_name_and_one_value(tmp_path, labels):
    with pytest.raises(UserError, match="labels"):
        suite_of(tmp_path, f"resources: {{step: {{labels: {labels}}}}}\n").grid()


def test_a_node_with_the_labels_is_looked_for():
    node = {"Resources": {"CPU": 4.0}, "Labels": {"disk": "nvme", "ray.io/zone": "b"}}
    right = {"Resources": {"CPU": 1.0}, "Labels": {"disk": "nvme", "ray.io/zone": "a", "more": "x"}}
    assert not can_hold(offers(node), HERE)
    assert can_hold(offers(right), HERE)
    assert homeless([HERE, Resources(2)], [offers(right), offers({"Resources": {"CPU": 1.0}})]) == [
        Resources(2)
    ]


def test_cells_for_a_label_that_no_node_has_let_others_pass(monkeypatch):
    nodes = [{"Alive": True, "Resources": {"CPU": 4.0}, "Labels": {"disk": "nvme"}}]
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    room, here, there = Room(), Resources(labels=(("disk", "nvme"),)), Resources(labels=(("disk", "hdd"),))
    assert room.holds([here] * 4)
    assert not room.holds([there])
    assert room.more_of(here, [Resources()]) == 3
    assert room.more_of(there, []) == 0
    monkeypatch.setattr(Room, "LOOK_EVERY_S", -1.0)
    nodes.append({"Alive": True, "Resources": {}, "Labels": {"disk": "hdd"}})
    assert room.holds([there])
    with pytest.raises(UserError, match=r"asks for a node labelled disk=ssd, but this machine offers none"):
        check_resources([Cell("t", "k", {}, resources=Resources(labels=(("disk", "ssd"),)))])
