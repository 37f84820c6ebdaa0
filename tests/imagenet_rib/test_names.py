"""Names of models are checked where a grid is planned, and timm is asked only for those it has to be."""

import subprocess
import sys

import pytest

import imagenet_rib
from gridcell.errors import UserError
from gridcell.suite import load_suite
from imagenet_rib.grid.model_names import FAMILIAR
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.models import check_known


def planned(suite, *overrides):
    return plan(load_suite(imagenet_rib.task, suite, overrides).settings)


@pytest.mark.parametrize(
    ("suite", "override", "says"),
    [
        ("mini", "architectures.vit.name=vit_tny_patch16_224", "did you mean 'vit_tiny_patch16_224'"),
        ("paper", "architectures.resnet50.name=resnet51", "choose from: .*resnet50,"),
        ("paper", "pretrainings.sam_in1k.tag=sam_in2k", "did you mean 'sam_in1k'"),
    ],
)
def test_a_name_that_timm_does_not_know_is_refused_when_planning(suite, override, says):
    with pytest.raises(UserError, match=says):
        planned(suite, override)


def test_other_names_of_timm_s_are_welcome():
    named = planned("mini", "architectures.vit.name=deit_tiny_patch16_224")
    assert "deit_tiny_patch16_224" in str([cell.config for cell in named.cells.values()])


@pytest.mark.parametrize("name", sorted(FAMILIAR))
def test_timm_knows_what_it_is_not_asked_for(name):
    check_known(name)


@pytest.mark.parametrize("suite", ["mini", "paper"])
def test_planning_a_suite_imports_no_timm(suite):
    code = (
        "import sys, imagenet_rib; from gridcell.suite import load_suite; "
        "from imagenet_rib.grid.plan import plan;"
        f"plan(load_suite(imagenet_rib.task, '{suite}', ()).settings); sys.exit('timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
