"""``--set``, ``--seeds`` and ``extends``: what is changed, what is refused, and where mistakes are."""

import json

import pytest

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task


def loaded(task, *overrides, suite="mini", seeds=None):
    return load_suite(find_task(task), suite, overrides, seeds).settings


@pytest.mark.parametrize(
    ("task", "override", "sentence"),
    [
        (
            "imagenet-rib",
            "pretrainings.rihc.epochs=1",
            "there is no 'rihc' in 'pretrainings': did you mean 'rich'",
        ),
        ("imagenet-rib", "methods.lora.rank=4", "there is no 'lora' in 'methods'"),
        ("inductive-bias", "spaces.new.kind=rbf", "A new entry is given whole: --set 'spaces.new={...}'"),
        ("farmap", "agents.fronteer.gamma=0.5", "did you mean 'frontier'"),
        ("farcuriosity", "forgetting.worlds.sixx.rows=3", "did you mean 'six'"),
        (
            "inductive-bias",
            "spaces.rbf.depth=7",
            "^Unknown setting 'spaces.rbf.depth': .* 'spaces.NAME.depth' of kind: arc_cosine$",
        ),
        ("inductive-bias", "problems.digits.dimension=5", "did you mean 'dimensions'"),
        ("inductive-bias", "problems.digits.path=x", "Unknown setting"),
        ("inductive-bias", "spaces.mlp-1.bandwidth=2", "Unknown setting"),
        ("generalization-difficulty", "datasets.digits.dimension=5", "Unknown setting"),
        ("imagenet-rib", "epochs=3", "belongs at 'training.epochs' or 'pretrainings.NAME.epochs'"),
        ("imagenet-rib", "methods.ft.lr=3", "belongs at 'methods.ft.training.lr' or 'training.lr'"),
        ("imagenet-rib", "training.epochs.more=3", "'training.epochs' holds a value, not further keys"),
        ("imagenet-rib", "training..epochs=3", "must look like --set key=value"),
        ("inductive-bias", "spaces.mlp-3.widths.3=5", "is a list: a key below it is a number from 0 to 2"),
        ("imagenet-rib", "training.lr=true", "a finite number is expected, not true or false"),
        ("imagenet-rib", "training.epochs=yes", "a whole number is expected, not text"),
        ("imagenet-rib", "methods.ft=false", "methods.ft' is wrong"),
        ("imagenet-rib", "pretrainings.rich=0", "pretrainings.rich' is wrong"),
    ],
)
def test_an_override_that_changes_nothing_there_is_refused(task, override, sentence):
    with pytest.raises(UserError, match=sentence):
        loaded(task, override)


def test_an_override_changes_what_is_there_or_adds_a_whole_entry():
    settings = loaded(
        "inductive-bias",
        "spaces.mlp-3.widths.1=5",
        "spaces.new={kind: arc_cosine, depth: 3}",
        "training.lr=1e-2",
        "seeds=[1, 2]",
        "problems.teacher-4.seed=010",
    )
    assert settings.spaces["mlp-3"].widths == [64, 5, 64]
    assert settings.spaces["new"].depth == 3
    assert settings.training.lr == 0.01
    assert settings.problems["teacher-4"].seed == 10
    assert len(settings.spaces) == 1 + len(loaded("inductive-bias").spaces)


def test_an_entry_with_nothing_after_its_name_can_be_set():
    assert loaded("imagenet-rib", "methods.lora.rank=9", suite="paper").methods["lora"].parameters.rank == 9


def test_options_of_a_part_that_is_always_there_can_be_set_one_by_one():
    settings = loaded("imagenet-rib", "data.shifts.c.per_corruption=2", "data.shifts.c.severities=[1]")
    assert settings.data.shifts == {"c": {"per_corruption": 2, "severities": [1]}}


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_seeds_are_the_first_ones(count):
    assert list(loaded("farmap", seeds=count).seeds) == list(range(count))


@pytest.mark.parametrize("overrides", [("seeds=[5, 6]",), ("seeds.0=4",)])
def test_seeds_are_said_once(overrides):
    with pytest.raises(UserError, match="both set the seeds"):
        loaded("farmap", *overrides, seeds=2)


@pytest.mark.parametrize("overrides", [("steps=3", "steps=4"), ("data.seed=3", "data={}")])
def test_one_setting_is_set_once(overrides):
    with pytest.raises(UserError, match="set the same: leave one of them out"):
        loaded("farmap" if "steps=3" in overrides else "imagenet-rib", *overrides)


SUITE = """
x-adam: &adam {optimiser: adamw, lr: 1e-3}
extends: mini
method: {ft: }
training: {lr: true, epoch: 3}
pretrainings:
  plain: {<<: *adam, epochs: yes}
methods:
  ewcc: {}
  ewc: {strenght: 3}
"""


def test_all_mistakes_of_a_suite_are_told_with_file_and_line(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(SUITE)
    with pytest.raises(UserError) as caught:
        loaded("imagenet-rib", "fisher.samples=0", suite=str(path))
    heading, *lines = str(caught.value).splitlines()
    assert heading == "The settings have 7 mistakes:"
    places = [line.strip().removeprefix(f"'{path}', ").partition(":")[0] for line in lines]
    assert places == ["line 4", "line 5", "line 5", "line 7", "line 9", "line 10", "--set fisher.samples=0"]
    assert "Unknown setting 'method': did you mean 'methods'?" in lines[0]


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return str(folder / f"{next(iter(files))}.yaml")


def test_a_suite_changes_what_it_extends(tmp_path):
    first = write(
        tmp_path,
        first="extends: second.yaml\nwithout: [methods.lwf, distance]\nmethods: {ewc: }\n",
        second="extends: mini\ntraining: {epochs: 2}\nmethods: {ewc: {strength: 3}, flyp: }\n",
    )
    settings, mini = loaded("imagenet-rib", suite=first), loaded("imagenet-rib")
    assert settings.training == mini.training.model_copy(update={"epochs": 2})
    assert set(settings.methods) == {*mini.methods, "flyp"} - {"lwf"}
    assert settings.methods["ewc"].parameters.strength == 3  # nothing after the name changes nothing
    assert settings.architectures == mini.architectures
    assert (settings.distance.enabled, mini.distance.enabled) == (False, True)


def test_a_mistake_below_is_told_with_the_file_below(tmp_path):
    first = write(tmp_path, first="extends: second.yaml\n", second="extends: mini\nsteps: -1\n")
    with pytest.raises(UserError, match=r"^The setting 'steps' is wrong.*second\.yaml', line 2\)$"):
        loaded("farmap", suite=first)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("extends: minni\n", r"line 1: Unknown suite of farmap 'minni': did you mean 'mini'"),
        ("extends: first.yaml\n", "extends itself"),
        ("extends: none.yaml\n", "There is no suite file"),
        ("extends: [mini]\n", "must name one suite"),
        ("without: [films]\nsteps: 3\n", "line 1: 'without' leaves entries out of what 'extends' names"),
        (
            "extends: mini\nwithout: [agents.fronteer]\n",
            "line 2: .* which is not there: did you mean 'frontier'",
        ),
        ("extends: mini\nwithout: films\n", "must be a list"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path, text, sentence):
    with pytest.raises(UserError, match=sentence):
        loaded("farmap", suite=write(tmp_path, first=text))


def test_the_command_lists_what_can_be_set(gridcell):
    code, output, _ = gridcell("settings", "inductive-bias", "training.lr")
    assert code == 0
    assert "number > 0" in output
    assert "0.001" in output
    _, output, _ = gridcell("settings", "imagenet-rib", "methods.ewc")
    assert "methods.ewc.strength" in output
    code, _, errors = gridcell("settings", "farmap", "agnts")
    assert (code, errors) == (2, "gridcell: There is no setting 'agnts': did you mean 'agents'?\n")


@pytest.mark.parametrize(
    "task", ["imagenet-rib", "inductive-bias", "farmap", "farcuriosity", "generalization-difficulty"]
)
def test_shipped_suites_fit_the_schema_for_editors(gridcell, task):
    import jsonschema

    from gridcell.settings.core_yaml import read_yaml

    _, output, _ = gridcell("settings", task, "--json")
    schema = json.loads(output)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for path in find_task(task).suites.glob("*.yaml"):
        values = read_yaml(path.read_bytes(), path.name).values
        assert [error.message for error in validator.iter_errors(values)] == []
        assert list(validator.iter_errors({**values, "sedes": [1]}))
        assert not list(validator.iter_errors({**values, "extends": "mini", "x-here": {"a": 1}}))


@pytest.mark.parametrize(
    ("whole", "single"),
    [
        (["training={epochs: 3}"], ["training.epochs=3"]),
        (["training={epochs: 3, lr: 0.5}"], ["training.epochs=3", "training.lr=0.5"]),
        (["methods.ewc={training: {lr: 0.5}}"], ["methods.ewc.training.lr=0.5"]),
        (["methods.ewc={kind: ewc}"], []),
    ],
)
def test_a_mapping_changes_what_it_names_alone(whole, single):
    """As in a suite that extends another: nothing falls back to a default without a word."""
    assert loaded("imagenet-rib", *whole) == loaded("imagenet-rib", *single)


def test_a_mapping_of_another_kind_or_for_all_entries_replaces_what_is_there(tmp_path):
    assert list(loaded("imagenet-rib", "methods={ft: {}}").methods) == ["ft"]
    assert loaded("imagenet-rib", "methods.ewc={}").methods["ewc"].parameters.strength == 1  # the default
    rich = loaded("imagenet-rib", "pretrainings.rich={source: timm}").pretrainings["rich"]
    assert (rich.source, rich.model_fields_set) == ("timm", {"source"})
    derived = loaded("imagenet-rib", f"data={{source: shards, root: {tmp_path}}}").data
    assert (derived.source, derived.root) == ("shards", str(tmp_path))


def test_what_a_mapping_left_alone_keeps_its_place_in_messages(tmp_path):
    path = write(tmp_path, own="extends: mini\ntraining: {lr: true}\n")
    with pytest.raises(UserError, match=r"'training.lr' is wrong.*own.yaml', line 2"):
        loaded("imagenet-rib", "training={epochs: 3}", suite=path)
