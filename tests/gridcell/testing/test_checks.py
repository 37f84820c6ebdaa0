"""The contract's checks pass what keeps it and name what breaks it."""

from dataclasses import replace

import pytest
import toy_task
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.data import all_corruptions
from gridcell.errors import UserError
from gridcell.grid import GridBuilder
from gridcell.parts import DATA_KINDS, PartKind
from gridcell.settings import Strict
from gridcell.task import find_task
from gridcell.testing import ContractError, file_checks, part_checks, task_checks
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import available, get


def broken(task):
    """Return the names of the checks that a task breaks."""
    names = []
    for check in task_checks(task):
        try:
            check()
        except (AssertionError, UserError):
            names.append(check.name)
    return names


def with_plan(plan):
    return replace(toy_task.task, plan=plan)


class Loose(toy_task.Settings, extra="allow"):
    """Settings that take anything."""


def extra_cell(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {}, title="one"))
    grid.add("step", {"nobody": "asks"}, title="two")
    return grid.build()


def with_path(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {"file": "/home/me/data"}, title="one"))
    return grid.build()


def without_title(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("step", {}))
    return grid.build()


def of_unknown_kind(settings):
    grid = GridBuilder("toy")
    grid.target({"a": 1}, grid.add("no such kind", {}, title="one"))
    return grid.build()


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (replace(toy_task.task, summary="short"), "it describes itself"),
        (replace(toy_task.task, report="toy_task:missing"), "every function"),
        (with_plan(extra_cell), "it plans no cell that nothing asks for"),
        (with_plan(with_path), "ids hold no path"),
        (with_plan(without_title), "the suite 'mini' plans"),
        (with_plan(of_unknown_kind), "the suite 'mini' plans"),
        (replace(toy_task.task, settings=Loose), "settings survive JSON"),
    ],
)
def test_what_breaks_the_contract_is_named(task, name):
    assert any(each.startswith(name) for each in broken(task))


def test_a_part_without_defaults_or_name_is_named():
    class Needy(Strict):
        """Needs a value."""

        value: float

    kind = PartKind("imagenet_rib.methods:registry")

    def check_all(part):
        for check in part_checks(kind, part):
            check()

    prepare = get("ft").prepare
    with pytest.raises(UserError, match="value"):
        check_all(FineTuning("needs", "A summary.", prepare, parameters=Needy))
    with pytest.raises(ContractError, match="the name is 'a b'"):
        check_all(FineTuning("a b", "A summary.", prepare))


def test_a_file_that_imports_torch_when_it_is_loaded_is_named(tmp_path):
    file = tmp_path / "heavy_of_test.py"
    file.write_text(
        "import torch\nfrom imagenet_rib.method import FineTuning\n"
        "method = FineTuning('heavy', 'A summary.', lambda start: torch)\n"
    )
    (check,) = [check for check in file_checks(file) if "training library" in check.name]
    with pytest.raises(ContractError, match="loading the file imports torch"):
        check()


NEW = {
    "method": "start.reference, None -> start.refrence, None",
    "agent": "return self._heading -> return self._head",
    "curiosity": "** self.power -> ** self.powr",
    "dataset": "draw.standard_normal((n, 2)) -> np.random.standard_normal((n, 2))",
    "problem": "np.random.default_rng(seed) -> np.random.default_rng()",
    "space": "nn.Linear(width, outputs) -> nn.Linear(width, 1)",
    "shift": "1 - 2 * image) -> 1 - 2 * imag)",
    "corruption": "SHARES[severity - 1] -> SHARES[severity]",
}
"""Kind of part -> a mistake in what its template writes, which the file's import does not show."""


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind in ("method", "curiosity") else ()) for kind in NEW],
)
def test_what_a_template_writes_is_tried_and_a_mistake_in_it_is_found(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", kind, "mine"]).exit_code == 0
    old, _, new = NEW[kind].partition(" -> ")
    file = tmp_path / "mine.py"
    for text in (file.read_text(), file.read_text().replace(old, new)):
        broken_text = text != file.read_text()
        file.write_text(text)
        said = CliRunner().invoke(app, ["check", "mine.py"])
        assert said.exit_code == (1 if broken_text else 0), said.stdout
        assert ("BROKEN" in said.stdout) is broken_text


CORRUPTIONS = {
    "return {}[severity]": "it raises KeyError at severity 1: 1",
    "return images if severity < 4 else images[:, ::2]": "'veil' gives at severity 4 images of shape",
    "return images[0]": "gives at severity 1 images of shape (32, 32, 3), not (2, 32, 32, 3)",
    "return images.sum()": "a float32, not images",
    "return (255 * images).astype(np.uint8)": "pixels of uint8, not floats",
    "return np.log(images - 1)": "not finite",
    "images *= 0.5; return images": "changes the images that it is given",
    "return images + np.random.default_rng().random(images.shape)": "the second time",
}
"""What a corruption does wrong -> what is said of it."""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("body", CORRUPTIONS)
def test_what_a_corruption_does_wrong_is_named(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "veil.py").write_text(
        "import numpy as np\nfrom gridcell.data import Corruption\n"
        f"def apply(images, severity, rng):\n    {body}\n"
        "CORRUPTIONS = (Corruption('veil', 'digital', apply),)\n"
    )
    said = CliRunner().invoke(app, ["check", "veil.py"])
    assert said.exit_code == 1, said.stdout
    assert CORRUPTIONS[body] in said.stdout


@pytest.mark.parametrize("name", sorted(all_corruptions()))
def test_shipped_corruptions_keep_the_contract(name):
    for check in part_checks(DATA_KINDS["corruption"], all_corruptions()[name]):
        check()


@pytest.mark.parametrize(
    ("kind", "name", "free"),
    [
        ("method", "ft", "ft_2"),
        ("agent", "frontier", "frontier_2"),
        ("curiosity", "rnd", "rnd_2"),
        ("space", "rbf", "rbf_2"),
        ("problem", "digits", "digits_2"),
        ("dataset", "sphere", "sphere_2"),
        ("shift", "v2", "v2_2"),
        ("corruption", "fog", "fog_2"),
        ("importer", "folder", "folder_2"),
        ("task", "farmap", "farmap-2"),
    ],
)
def test_a_taken_name_is_refused_with_the_nearest_free_one(kind, name, free, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["new", kind, name])
    assert str(said.exception) == f"The name '{name}' is taken by another {kind}: call yours '{free}'"
    assert not list(tmp_path.iterdir())
    assert CliRunner().invoke(app, ["new", kind, free]).exit_code == 0


@pytest.mark.parametrize("name", ["json", "random", "torch", "class", "gridcell"])
def test_a_name_whose_file_would_hide_another_module_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["new", "method", name])
    assert isinstance(said.exception, UserError)
    assert str(said.exception).endswith(f": call yours 'my_{name}'")
    assert not list(tmp_path.iterdir())


SHIPPED = [
    (task, name, part)
    for task, name in [
        ("farmap", "agent"),
        ("generalization-difficulty", "dataset"),
        ("inductive-bias", "space"),
    ]
    for part in find_task(task).parts[name].parts().all
    if part != "module"  # its settings have no default
]


@pytest.mark.parametrize(("task", "name", "part"), SHIPPED)
def test_shipped_parts_keep_the_contract(task, name, part):
    kind = find_task(task).parts[name]
    for check in part_checks(kind, kind.parts().get(part)):
        check()


@pytest.mark.slow
@pytest.mark.parametrize("part", sorted(available()))
def test_shipped_methods_keep_the_contract(part):
    kind = find_task("imagenet-rib").parts["method"]
    for check in part_checks(kind, get(part)):
        check()
