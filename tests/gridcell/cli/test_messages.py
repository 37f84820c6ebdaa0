"""Mistakes on the command line are told in one sentence that says what to type instead."""

import pytest
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.errors import UserError, did_you_mean, nearest
from gridcell.settings.schema import find
from gridcell.task import find_task

runner = CliRunner()


def told(words, folder=None):
    found = runner.invoke(app, [*words, *(["--storage", str(folder / "runs")] if folder else [])])
    assert isinstance(found.exception, UserError), found.output
    return str(found.exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["run", "farmap", "--executor", "inlin"],
            "Unknown --executor 'inlin': did you mean 'inline'? (choose from: inline, ray)",
        ),
        (["run", "farmap", "--executor", "local"], "Unknown --executor 'local': choose from inline, ray"),
        (["run", "farmap", "--seeds", "two"], "--seeds must be a whole number, not 'two'"),
        (["run", "farmap", "--seeds", "1.5"], "--seeds must be a whole number, not '1.5'"),
        (["run", "farmap", "--stall-timeout", "soon"], "--stall-timeout must be a number, not 'soon'"),
        (["ui", "--port", "99999"], "--port must be at most 65535, not '99999'"),
        (["ui", "--port", "0"], "--port must be at least 1, not '0'"),
        (["completion", "bsh"], "Unknown SHELL 'bsh': did you mean 'bash'? (choose from: bash, fish, zsh)"),
        (
            ["cell", "run", "ab", "--profile", "pythn"],
            "Unknown --profile 'pythn': did you mean 'python'? (choose from: python, torch)",
        ),
    ],
    ids=" ".join,
)
def test_a_wrong_value_of_an_option_is_one_sentence(words, sentence):
    assert told(words) == sentence


@pytest.mark.parametrize(
    ("task", "override", "advice"),
    [
        ("imagenet-rib", "methods.ewc.strength=0.1,1, 10", "methods.ewc.strength=[0.1,1,10]"),
        ("imagenet-rib", "training.lr=0.1,1", "training.lr=[0.1,1]"),
        ("farmap", "agents.farmap.rho=1,2", "agents.farmap.rho=[1,2]"),
    ],
)
def test_several_values_are_told_to_be_a_list(task, override, advice):
    said = told(["plan", task, "--set", override])
    assert said.endswith(f"; several values to sweep are a list: {advice}")
    assert runner.invoke(app, ["plan", task, "--set", advice, "--storage", "nowhere"]).exit_code == 0


def test_several_values_where_none_can_be_swept_are_told_so():
    said = told(["plan", "imagenet-rib", "--set", "data.image_size=32,64"])
    assert said.endswith("only settings of named entries can be swept")


def test_a_wrong_list_where_one_belongs_is_not_told_to_be_a_sweep():
    assert told(["plan", "imagenet-rib", "--set", "seeds=[1,1]"]).endswith("(it is [1, 1])")


def test_a_setting_is_found_by_the_words_of_its_initials():
    said = told(["plan", "imagenet-rib", "--set", "training.learning_rate=0.1"])
    assert "Unknown setting 'training.learning_rate': did you mean 'lr'?" in said


def test_a_single_word_has_no_initials():
    assert nearest("learning_rate", ["lr", "epochs"]) == "lr"
    assert nearest("learning", ["l", "epochs"]) is None


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "imagenet-rib", "--select", "method=mine"],
        ["plan", "imagenet-rib", "--set", "methods.mine={}"],
        ["plan", "imagenet-rib", "--set", "downstream=[v2,mine]"],
        ["plan", "farmap", "--set", "agents.own={kind: mine}"],
        ["plan", "mine"],
    ],
    ids=" ".join,
)
def test_a_name_like_no_other_may_be_of_a_file_of_ones_own(words):
    said = told(words)
    assert said.endswith(". What is your own is read from its file: --plugin FILE")
    assert "'mine': choose from " in said or "method=mine: choose from " in said
    assert ": (" not in said


def test_a_suite_of_ones_own_is_a_file():
    assert told(["plan", "farmap", "--suite", "zzz"]).endswith("is named by its file, such as mine.yaml")


def test_first_digits_of_an_id_are_those_of_one_cell(tmp_path, without_mlflow):
    words = ["run", "toy", "--executor", "inline", "--quiet"]
    assert runner.invoke(app, [*words, "--storage", str(tmp_path / "runs")]).exit_code == 0
    assert told(["cell", "show", "zz"], tmp_path) == (
        "No cell in this storage has an id that starts with 'zz': 'gridcell cell list' shows the ids"
    )
    assert told(["cell", "show", ""], tmp_path) == (
        "7 cells in this storage have ids that start with '': give more digits"
    )


def test_a_list_of_choices_has_no_stray_colon_or_bracket():
    assert did_you_mean("zzz", ["a", "b"]) == "choose from a, b"
    assert did_you_mean("zzz", ["a", "b"], "Or not") == "choose from a, b. Or not"
    assert did_you_mean("ewd", ["ewc"], "Or not") == "did you mean 'ewc'? (choose from: ewc)"
    assert did_you_mean("ewd", []) == "there is nothing to choose from"


def test_the_settings_of_a_task_have_a_line_each_and_a_path_shows_the_whole_text():
    listed = runner.invoke(app, ["settings", "imagenet-rib"]).stdout
    lines = listed.splitlines()
    assert len(lines) <= 110
    assert len([line for line in lines if line.startswith(" methods.NAME.training")]) == 1
    whole = " ".join(runner.invoke(app, ["settings", "imagenet-rib", "data.source"]).stdout.split())
    assert "others are held" in whole


def test_into_a_pipe_no_setting_is_cut():
    """'largest norm of a …' stood in a file, where no terminal was too narrow for the rest."""
    rows = runner.invoke(app, ["settings", "farcuriosity"]).stdout.splitlines()
    assert not [row for row in rows if "…" in row]
    found = find(find_task("farcuriosity").settings, "training", lambda section: {})
    assert len(found) > 10
    for one in found:
        (row,) = [row for row in rows if row.split()[:1] == [".".join(one.path)]]
        assert one.type in row
        assert row.endswith(" ".join(one.description.replace("``", "").split()))


def test_settings_show_what_a_suite_has_beside_the_default():
    rows = runner.invoke(
        app, ["settings", "imagenet-rib", "methods.ewc", "--suite", "mini"]
    ).stdout.splitlines()
    assert rows[0].split()[:5] == ["setting", "value", "default", "in", "mini"]
    strength = next(row for row in rows if "methods.ewc.strength" in row)
    assert "1.0      200.0" in strength
    assert told(["settings", "imagenet-rib", "--suite", "mini"]).startswith(
        "--suite shows values below a PATH"
    )
    assert "did you mean 'mini'" in told(["settings", "imagenet-rib", "training", "--suite", "mni"])


def test_settings_list_parts_of_ones_own(tmp_path):
    file = tmp_path / "calm.py"
    file.write_text(
        "from farmap.agents.kind import AgentKind, Parameters\n\n\n"
        "class Calm(Parameters):\n"
        '    """Stands still.\n\n    Attributes:\n        pauses: how often.\n    """\n\n'
        "    pauses: int = 3\n\n\n"
        'agent = AgentKind("calm", lambda rng, **parameters: None, Calm)\n'
    )
    words = ["settings", "farmap", "agents.NAME.pauses"]
    assert told(words).startswith("There is no setting 'agents.NAME.pauses'")
    assert "how often." in runner.invoke(app, [*words, "--plugin", str(file)]).stdout
