"""One cell on two workers: one result, and no worker left waiting when another fails."""

from pathlib import Path

import crew_task
import pytest
import torch

import shared_ray
from gridcell.cell import Cell, Resources, divided
from gridcell.errors import UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.cluster import check_resources, ray_cluster
from gridcell.execute.outcome import Failure, FailureClass, Outcome, classify
from gridcell.execute.processes import _overall, processes_for
from gridcell.execute.run_cell import run_cell
from gridcell.store import Store

pytestmark = pytest.mark.xdist_group("one-ray")

TWO = Resources(workers=2)


def cell_that(fail, seed=0, resources=TWO, kind="train"):
    return Cell("crew", kind, {"fail": fail}, seed=seed, resources=resources)


@pytest.fixture(scope="module")
def crew(request):
    """Processes that stay for the next test, on the Ray of the modules before."""
    shared_ray.provide(request.module, ray_cluster, None, 2)
    with processes_for([cell_that("not")], num_cpus=2):
        yield


@pytest.fixture
def run(crew, store, tmp_path):
    def run(cell, store=store, **options):
        return run_cell(Attempt(cell, crew_task.task, store, locations={"markers": str(tmp_path)}, **options))

    return run


def weights(store, cell):
    return torch.load(store.results.fetch(store.results.read(cell.id), "weights.pt", Path(store.uri) / "x"))


@pytest.mark.slow
def test_one_result_is_committed_and_the_processes_stay_for_the_next_cell(run, store):
    reports = []
    first = run(cell_that("not"), reporter=lambda step, metrics: reports.append((step, metrics)))
    second = run(cell_that("not", seed=1))
    assert first.failure is None
    assert second.failure is None
    assert first.metrics["pid"] == second.metrics["pid"]
    assert first.metrics["share"] == 6
    result = store.results.read(cell_that("not").id)
    assert result.provenance["workers"] == 2
    assert [step for step, _ in reports] == [5, 10, 15]
    assert [loss for _, loss in result.curves["loss"]] == [metrics["loss"] for _, metrics in reports]
    assert store.checkpoints(cell_that("not").id).latest(Path(store.uri)) is None


@pytest.mark.slow
def test_a_killed_worker_costs_no_more_than_an_epoch_and_no_bit(run, store, tmp_path):
    cell = cell_that("killed once")
    lost = run(cell)
    assert lost.failure.failure_class is FailureClass.CRASHED  # its process went away, and its node lives
    resumed = run(cell)
    assert resumed.failure is None
    assert resumed.metrics["steps"] == 10  # of 15: the first epoch's are in the checkpoint
    undisturbed, other = cell_that("not"), Store(str(tmp_path / "other")).prepare()
    run(undisturbed, store=other)
    expected = weights(other, undisturbed)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(store, cell).items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fail", "failure_class"),
    [
        ("out of memory", FailureClass.OUT_OF_MEMORY),
        pytest.param("refused", FailureClass.INVALID, marks=pytest.mark.long),
    ],
)
def test_the_failure_of_one_worker_is_the_cells(run, store, fail, failure_class):
    cell = cell_that(fail, kind="add")
    failure = run(cell).failure
    assert failure.failure_class is failure_class
    assert cell.id not in store.results.done()
    if fail == "out of memory":
        again = run(cell, oom_halvings=1)
        assert again.failure is None
        assert again.metrics == {"ranks": 1, "share": 3}
    else:
        assert failure.message == "no such thing"
        with pytest.raises(UserError, match="no such thing"):
            run(cell, foreground=True)


@pytest.mark.parametrize(
    ("others", "cause"),
    [
        (FailureClass.PREEMPTED, FailureClass.OUT_OF_MEMORY),
        (FailureClass.DEVICE, FailureClass.INVALID),
        (FailureClass.PREEMPTED, FailureClass.DEVICE),
    ],
)
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_cause_explains_a_cell_and_not_those_that_lost_a_worker_by_it(others, cause, rank):
    ended = {each: Outcome("cell", 0.0, failure=Failure(others, str(each))) for each in range(3)}
    ended[rank] = Outcome("cell", 0.0, failure=Failure(cause, "why"))
    assert _overall(ended).failure.message == "why"


@pytest.mark.slow
def test_more_workers_than_there_are_cores_are_refused(crew):
    with pytest.raises(UserError, match="asks for 3 workers of 1 CPU, but this machine offers 2"):
        check_resources([cell_that("not", resources=Resources(workers=3))])


def test_workers_are_no_part_of_the_identity_but_of_the_record():
    one, two = cell_that("not", resources=Resources()), cell_that("not")
    assert one.id == two.id
    assert Cell.from_record(two.to_record()).resources == TWO
    old = {**one.to_record(), "resources": {"cpus": 1, "gpus": 0.0}}  # of a plan stored before there were any
    assert Cell.from_record(old).resources == Resources()


def test_workers_share_no_gpu():
    assert Resources(gpus=0.5).gpus == 0.5
    with pytest.raises(UserError, match=r"whole GPUs, for instance resources.gpus=1"):
        Resources(gpus=0.5, workers=2)


@pytest.mark.parametrize(
    ("batch_size", "workers", "message"),
    [
        (64, 3, "of 64 images .* among 3 workers: set b to 63 or 66, or resources.workers to 2"),
        (2, 4, "set b to 4, or resources.workers to 2"),
        (7, 2, "set b to 6 or 8, or resources.workers to 1"),
    ],
)
def test_a_batch_that_cannot_be_divided_is_refused_with_the_nearest_that_can(batch_size, workers, message):
    with pytest.raises(UserError, match=message):
        divided(batch_size, workers, "b")
    assert divided(batch_size * workers, workers, "b") == batch_size


def test_a_process_that_lost_another_is_preempted_itself():
    lost = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:21446")
    assert classify(lost) is FailureClass.PREEMPTED
