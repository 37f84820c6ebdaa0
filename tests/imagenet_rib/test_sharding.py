"""Methods whose workers share the weights out (FSDP) train as one worker does; what can't be is refused."""

import pytest
from lightning.pytorch import Callback

import sharded_methods
from fine_tuned import built, in_memory, trained
from gridcell.cell import Resources
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from ranks import run_ranks

SHARED = ("resources.workers=2", "resources.fsdp=true")
TWO = Resources(workers=2, sharded=True)


@pytest.fixture(scope="module")
def most_different(tmp_path_factory):
    return run_ranks("sharded_methods:most_different", 2, tmp_path_factory.mktemp("ranks"))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return run_ranks("sharded_methods:others", 2, tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("case", sharded_methods.MOST_DIFFERENT)
def test_the_most_different_methods_end_where_one_worker_does(most_different, store, tmp_path, case):
    check(most_different, case, store, tmp_path)


@pytest.mark.long  # the same path as those above, six times more
@pytest.mark.parametrize("case", sharded_methods.OTHERS)
def test_other_methods_end_where_one_worker_does(others, store, tmp_path, case):
    check(others, case, store, tmp_path)


def check(answers, case, store, tmp_path):
    """Assert that workers with a part of the weights each end where one worker does."""
    how = sharded_methods.CASES[case]
    weights, told = trained(tmp_path / "alone", store, in_memory(), **how)
    before = built(how.get("model", "vit")).state_dict()
    trains = weights.keys() & before.keys()  # of a visual prompt all names are its own
    moved = max([float((weights[name] - before[name]).abs().max()) for name in trains], default=1.0)
    assert moved > 1e-3
    for found, found_told in (answer[case] for answer in answers):
        assert found_told["final_loss"] == pytest.approx(told["final_loss"], rel=1e-5)
        assert found.keys() == weights.keys()
        apart = max(float((found[name] - weights[name]).abs().max()) for name in weights)
        assert apart <= 1e-4 * moved


def grid(*overrides):
    return load_suite(find_task("imagenet-rib"), "mini", overrides).grid()


def test_sharing_weights_out_leaves_ids_as_they_are_and_cells_of_one_worker_whole():
    plain, shared = grid(), grid(*SHARED)
    assert plain.cells.keys() == shared.cells.keys()
    assert {cell.resources for cell in shared.cells.values() if cell.kind == "train"} == {TWO}
    assert {cell.resources for cell in shared.cells.values() if cell.kind == "fisher"} == {Resources()}
    assert str(TWO) == "2 workers of 1 CPU, weights shared out while they train"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("resources.workers=1", "'fsdp' shares a model out among workers: give 'workers', at least 2"),
        ("training.compile=true", "resources.fsdp can't be used with training.compile=true"),
        ("training.precision=fp16", "resources.fsdp can't be used with training.precision=fp16"),
        ("training.validation_share=0.2", "with training.validation_share=0.2"),
        ("methods.ewc.training.compile=true", "with methods.ewc.training.compile=true"),
        ("pretrainings.rich.compile=true", "with pretrainings.rich.compile=true"),
    ],
)
def test_what_needs_the_whole_model_is_refused_at_planning(override, said):
    with pytest.raises(UserError, match=said):
        grid(*(given for given in SHARED if given.split("=")[0] != override.split("=")[0]), override)


def test_callbacks_that_would_see_a_part_of_the_weights_are_refused(store, tmp_path):
    with pytest.raises(UserError, match=r"has callbacks.* with resources\.fsdp each worker has a part"):
        trained(tmp_path, store, in_memory(), method="ft", resources=TWO, callbacks=(Callback(),))


def test_one_worker_shares_nothing():
    with pytest.raises(UserError, match=r"resources.workers=2 or more"):
        Resources(sharded=True)
