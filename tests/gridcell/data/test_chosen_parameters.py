"""How many images set c shows where the default can't be, and what ``data derive`` takes."""

import json

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.data.chosen_parameters import chosen_parameters
from gridcell.data.corruptions import pair_names
from gridcell.errors import UserError


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


PAIRS = len(pair_names())


@given(st.integers(1, 3000), st.integers(0, 4000))
def test_what_is_chosen_can_be_and_is_the_default_wherever_that_can_be(classes, more):
    images = classes + more
    chosen, said = chosen_parameters(classes, images)
    number = chosen.get("c", {}).get("per_corruption", 8)
    assert number <= images
    assert number * PAIRS >= classes
    if classes <= 8 * PAIRS and images >= 8:
        assert (chosen, said) == ({}, ())
    else:
        assert f"{number} images under each corruption" in said[0]
    assert chosen_parameters(classes, images, {"c": {"per_corruption": number}})[1] == ()


def test_a_number_that_cannot_be_is_refused_with_those_that_can():
    with pytest.raises(UserError, match=r"is 8, but it must be between 14 .* and 3,000"):
        chosen_parameters(1000, 3000, {"c": {"per_corruption": 8}})
    with pytest.raises(UserError, match=r"is 8, but it must be between 1 .* and 5"):
        chosen_parameters(2, 5, {"c": {"per_corruption": 8}})


def test_other_settings_are_kept():
    given_ = {"objectnet": {"views": 3}, "c": {}}
    assert chosen_parameters(1000, 3000, given_)[0] == {
        "objectnet": {"views": 3},
        "c": {"per_corruption": 14},
    }


def test_derive_takes_shares_and_parameters_of_shifts(tmp_path):
    from gridcell.data.digits import load_digits_images
    from gridcell.data.folder import write_folder

    write_folder(tmp_path / "base", load_digits_images(16).select(range(300)))
    done = command(
        "data", "derive", "--base", tmp_path / "base", "--out", tmp_path / "out", "--size", 16,
        "--pretrain-share", 0.3, "--val-share", 0.3, "--subset-share", 0.5,
        "--shift", "c.per_corruption=3", "--shift", "objectnet.views=3",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    sets = manifest["sets"]
    assert sets["c"]["images"] == 3 * PAIRS
    assert len(sets["r"]["classes"]) == 5
    assert abs(sets["val"]["images"] - 90) < 10
    assert manifest["how"]["settings"]["parameters"] == {
        "c": {"per_corruption": 3},
        "objectnet": {"views": 3},
    }
    for wrong, message in [
        ("c=4", "must look like --shift c.per_corruption=4"),
        ("c.per_corruption=x", "must look like"),
        ("c.per_coruption=4", "did you mean 'per_corruption'"),
        ("objectnt.views=4", "did you mean 'objectnet'"),
    ]:
        refused = command("data", "derive", "--base", tmp_path, "--out", tmp_path / "no", "--shift", wrong)
        assert isinstance(refused.exception, UserError)
        assert message in str(refused.exception)
