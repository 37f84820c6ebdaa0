"""A fit against a bare loop, its reports, its endings, and its silence."""

import random
import signal
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import SingleDeviceStrategy

from gridcell.data.batches import Batches
from gridcell.errors import Diverged, UserError
from gridcell.learn import fitting
from gridcell.learn.checkpoint import Continuation
from gridcell.learn.classifier import Classifier
from gridcell.learn.epoch_report import EpochReport
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation, build_optimiser, build_schedule
from gridcell.learn.randomness import seed_everything
from learn_problems import Folder, batches, classifier, cross_entropy, data


def bare_loop(module, loader, *, epochs, seed):
    model = module.model.train()
    optimiser = build_optimiser(model.parameters(), module.optimisation)
    schedule = build_schedule(optimiser, module.optimisation, epochs * len(loader))
    seed_everything(seed)
    losses = []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        total = 0.0
        for images, labels in loader:
            optimiser.zero_grad()
            loss = cross_entropy(model, images, labels)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        losses.append(total / len(loader))
    return losses


def test_a_fit_is_bit_for_bit_the_bare_loop_and_reports_its_losses():
    ours, bare, reports = classifier(), classifier(), []
    fit(ours, batches(), epochs=3, seed=7, report=lambda **metrics: reports.append(metrics))
    losses = bare_loop(bare, batches(), epochs=3, seed=7)
    for name, tensor in bare.model.state_dict().items():
        assert torch.equal(tensor, ours.model.state_dict()[name]), name
    assert [r["epoch"] for r in reports] == [1, 2, 3]
    assert [r["step"] for r in reports] == [7, 14, 21]
    assert [r["loss"] for r in reports] == pytest.approx(losses, rel=1e-6)
    assert reports[-1]["lr"] == pytest.approx(0.0, abs=1e-9)


def test_a_fit_tells_within_an_epoch_that_it_lives(monkeypatch):
    monkeypatch.setattr(EpochReport, "CHECK_EVERY", 3)
    beats = []
    fit(classifier(), batches(), epochs=2, seed=7, beat=beats.append)
    assert beats == [3, 6, 10, 13]


class StepsItself(LightningModule):
    """Has a loss, and no optimiser of torch's."""

    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        return {"loss": torch.tensor(1.0 + batch_idx)}

    def configure_optimizers(self):
        return None


def test_the_loss_of_a_module_that_takes_its_steps_itself_is_the_mean_over_batches():
    told = fit(StepsItself(), batches(), epochs=2, seed=7)
    assert (told["epoch"], told["loss"]) == (2, pytest.approx((1 + 7) / 2))


def test_another_seed_gives_other_weights():
    first, second = classifier(), classifier()
    fit(first, batches(), epochs=1, seed=0)
    fit(second, batches(), epochs=1, seed=1)
    assert not torch.equal(first.model[0].weight, second.model[0].weight)


def test_accumulated_batches_step_as_one_and_report_the_undivided_loss():
    def fitted(batch_size, accumulate):
        """Without dropout and batch statistics, halves of a batch add up to the whole of it."""
        torch.manual_seed(0)
        optimisation = Optimisation(lr=0.05, warmup_share=0.2)
        module, reports = Classifier(torch.nn.Linear(6, 3), cross_entropy, optimisation=optimisation), []
        loader = Batches(*data(48), batch_size=batch_size, seed=0)
        fit(module, loader, epochs=2, seed=0, accumulate=accumulate, report=lambda **m: reports.append(m))
        return module.model.weight, reports

    (weight, whole), (halved_weight, halved) = fitted(16, 1), fitted(8, 2)
    assert [r["step"] for r in halved] == [r["step"] for r in whole] == [3, 6]
    assert [r["loss"] for r in halved] == pytest.approx([r["loss"] for r in whole], rel=1e-5)
    torch.testing.assert_close(halved_weight, weight)


def test_batches_left_over_step_too():
    reports = []
    fit(classifier(), batches(), epochs=1, seed=0, accumulate=2, report=lambda **m: reports.append(m))
    assert reports[0]["step"] == 4  # of seven batches


def test_a_loss_that_is_not_finite_ends_the_fit_at_once():
    steps = []

    def loss(model, images, labels):
        steps.append(1)
        value = cross_entropy(model, images, labels)
        return value * float("nan") if len(steps) == 3 else value

    with pytest.raises(Diverged, match="nan in epoch 1"):
        fit(classifier(loss=loss), batches(), epochs=2, seed=0)
    assert len(steps) == 3


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_weights_that_the_last_step_leaves_not_finite_are_no_result(value):
    """A step's loss is that of the weights before it: no loss is one of the last step's weights."""
    steps = []

    def loss(model, images, labels):
        steps.append(1)
        if len(steps) == 7:
            model[0].weight.register_hook(lambda gradient: torch.full_like(gradient, value))
        return cross_entropy(model, images, labels)

    with pytest.raises(Diverged, match="weights are not finite after step 7"):
        fit(classifier(loss=loss), batches(), epochs=1, seed=0)
    assert len(steps) == 7


def test_ctrl_c_comes_through_and_the_next_one_is_heard_too():
    def loss(model, images, labels):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(classifier(loss=loss), batches(), epochs=1, seed=0)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_fit_is_silent_and_leaves_no_files(tmp_path, monkeypatch, capfd):
    (tmp_path / "store").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    store = Folder(tmp_path / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epochs in (1, 2):
            module = classifier(trainable=lambda name: name.startswith("4."))
            fit(module, batches(), epochs=epochs, seed=0, checkpoints=store, checkpoint_every_s=0)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_fit_runs_in_a_thread_as_the_schedulers_workers_do():
    module, failures = classifier(), []

    def work():
        try:
            fit(module, batches(), epochs=1, seed=0)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    expected = classifier()
    fit(expected, batches(), epochs=1, seed=0)
    assert failures == []
    assert torch.equal(module.model[0].weight, expected.model[0].weight)


def test_variables_of_a_slurm_job_do_not_change_a_fit(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_PROCID", "3")
    reports = []
    fit(classifier(), batches(), epochs=1, seed=0, report=lambda **m: reports.append(m))
    assert reports


def test_a_fit_of_one_process_is_in_no_group():
    seen = []

    class Looks(Callback):
        def on_train_start(self, trainer, pl_module):
            seen.append((type(trainer.strategy), torch.distributed.is_initialized()))

    fit(classifier(), batches(), epochs=1, seed=0, callbacks=[Looks()])
    assert seen == [(SingleDeviceStrategy, False)]


def test_nothing_to_train_is_an_error():
    with pytest.raises(UserError, match="No parameter"):
        classifier(trainable=lambda name: False)


def test_a_checkpoint_is_read_without_running_code_that_it_may_hold(monkeypatch):
    asked = []
    monkeypatch.setattr("lightning.pytorch.Trainer.fit", lambda self, *args, **how: asked.append(how))
    fit(classifier(), batches(), epochs=1, seed=0)
    assert [how["weights_only"] for how in asked] == [True]


def test_processes_of_a_group_draw_different_numbers():
    drawn = []
    for rank in (0, 1, 2):
        Continuation(seed=7).on_fit_start(SimpleNamespace(global_rank=rank), None)
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert len(set(drawn)) == 3
    assert all(len(set(numbers)) == 3 for numbers in zip(*drawn, strict=True))


@pytest.mark.parametrize("seed", [0, 7, 2**40 + 3])
def test_one_seed_sets_each_librarys_numbers(seed):
    expected = (
        random.Random(seed).random(),
        np.random.RandomState(seed % 2**32).rand(),
        torch.rand(1, generator=torch.Generator().manual_seed(seed)).item(),
    )
    for _ in range(2):
        seed_everything(seed)
        assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


def test_one_of_several_processes_does_not_stop_alone_at_a_loss_that_is_not_finite():
    """The others would wait for it for ever: all of them look at the mean when the epoch ends."""
    strategy = SimpleNamespace(reduce=lambda total, reduce_op: {"mean": total}[reduce_op])
    trainer = SimpleNamespace(world_size=2, global_step=1, current_epoch=0, strategy=strategy, optimizers=[])
    report = EpochReport(None)
    report.on_train_batch_end(trainer, None, {"loss": torch.tensor(float("nan"))}, None, 0)
    with pytest.raises(Diverged):
        report.on_train_epoch_end(trainer, None)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_processes_that_are_joined_already_are_nodes_of_one_device_each(rank):
    joined, plain = fitting._Joined(rank), LightningEnvironment()
    assert joined.creates_processes_externally
    assert (joined.local_rank(), joined.node_rank()) == (0, rank)
    joined.set_global_rank(rank)
    assert (joined.global_rank(), joined.world_size()) == (rank, plain.world_size())
    assert joined.main_address == plain.main_address
    assert joined.main_port > 0


@pytest.mark.parametrize(
    ("rank", "world_size", "order"),
    [(0, 1, ["read"]), (0, 2, ["read", "wait"]), (1, 2, ["wait", "read"]), (2, 3, ["wait", "read"])],
)
def test_the_first_process_reads_the_checkpoint_before_the_others(
    tmp_path, monkeypatch, rank, world_size, order
):
    """It may remove a damaged one, which the others must not find."""
    done, found = [], tmp_path / "checkpoint"
    monkeypatch.setattr(torch.distributed, "barrier", lambda: done.append("wait"))
    store = SimpleNamespace(latest=lambda into: done.append("read") or found)
    assert fitting._latest(store, tmp_path, rank, world_size) == found
    assert done == order
    assert fitting._latest(None, tmp_path, rank, world_size) is None
    assert done == order


def test_loggers_are_ended_with_their_fit(monkeypatch):
    """A logger that goes on would take the next cell's numbers for this one's."""
    ended = []

    class Ends(DummyLogger):
        @property
        def experiment(self):
            return SimpleNamespace(finish=lambda: ended.append("ended"))

    monkeypatch.setattr(fitting, "lightning_loggers", lambda now: [Ends()])
    fit(classifier(), batches(), epochs=1, seed=0)
    assert ended == ["ended"]
    with pytest.raises(Diverged):
        fit(
            classifier(loss=lambda *_: torch.tensor(float("nan"), requires_grad=True)),
            batches(),
            epochs=1,
            seed=0,
        )
    assert ended == ["ended"] * 2


@pytest.mark.parametrize(
    ("accelerator", "cuda", "kind", "precision"),
    [
        ("auto", True, torch.bfloat16, "bf16-mixed"),
        ("gpu", True, torch.float16, "16-mixed"),
        ("cpu", True, torch.bfloat16, "32-true"),
        ("auto", False, torch.bfloat16, "32-true"),
    ],
)
def test_precision_is_mixed_on_a_gpu_in_the_format_that_it_has(
    monkeypatch, accelerator, cuda, kind, precision
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(fitting, "mixed_dtype", lambda: kind)
    assert fitting.best_precision(accelerator) == precision
