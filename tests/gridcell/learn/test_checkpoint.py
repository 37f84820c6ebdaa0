"""Stopped after any epoch and resumed, a fit ends with the very same bits."""

import pytest
import torch

from gridcell.errors import UserError
from gridcell.learn.checkpoint import EpochCheckpoint
from gridcell.learn.fit import fit
from gridcell.learn.optimisers import Optimisation
from gridcell.learn.randomness import random_state, restore_random_state, seed_everything
from learn_problems import Folder, batches, classifier, network

EPOCHS = 4


class StoppedError(Exception):
    """The machine is lost."""


def states_equal(first, second):
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_after", range(1, EPOCHS + 1))
def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path, stop_after, optimiser):
    settings = {"optimisation": Optimisation(optimiser=optimiser, lr=0.02, warmup_share=0.3)}
    whole, metrics = classifier(**settings), []
    fit(whole, batches(), epochs=EPOCHS, seed=5, report=lambda **m: metrics.append(m))

    store = Folder(tmp_path)
    calls = []

    def stop_in_next_epoch(model, images, labels):
        calls.append(1)
        if len(calls) > 7 * stop_after + 2:  # in the middle of an epoch: its first steps are lost
            raise StoppedError
        return torch.nn.functional.cross_entropy(model(images), labels)

    interrupted = classifier(loss=stop_in_next_epoch, **settings)
    try:
        fit(interrupted, batches(), epochs=EPOCHS, seed=5, checkpoints=store, checkpoint_every_s=0)
    except StoppedError:
        assert stop_after < EPOCHS
    assert store.steps == [7 * epoch for epoch in range(1, stop_after + 1)]

    torch.manual_seed(999)
    resumed, later = classifier(**settings), []
    with torch.no_grad():
        resumed.model[0].weight.zero_()
    fit(resumed, batches(), epochs=EPOCHS, seed=5, checkpoints=store, report=lambda **m: later.append(m))
    assert states_equal(resumed.model, whole.model)
    assert later == metrics[stop_after:]


def test_a_checkpoint_loads_without_pickled_code_and_names_its_architecture(tmp_path):
    fit(
        classifier(architecture="small-net"),
        batches(),
        epochs=1,
        seed=0,
        checkpoints=Folder(tmp_path),
        checkpoint_every_s=0,
    )
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["gridcell"]["architecture"] == "small-net"
    assert {"state_dict", "optimizer_states", "lr_schedulers", "loops"} <= checkpoint.keys()
    other = classifier(architecture="large-net")
    with pytest.raises(UserError, match="'small-net', but this run trains 'large-net'"):
        fit(other, batches(), epochs=2, seed=0, checkpoints=Folder(tmp_path))
    assert states_equal(other.model, network())


def test_no_interval_writes_no_checkpoint(tmp_path):
    store = Folder(tmp_path)
    fit(classifier(), batches(), epochs=2, seed=0, checkpoints=store)
    assert store.steps == []


def test_checkpoints_keep_their_distance(tmp_path):
    store = Folder(tmp_path)
    now = [0.0]
    callback = EpochCheckpoint(store, every_s=10, architecture="a", clock=lambda: now[0])

    class Strategy:
        def broadcast(self, value):
            return value

    class Trainer:
        strategy = Strategy()
        is_global_zero = True
        global_step = 0

        def save_checkpoint(self, path, weights_only):
            path.write_bytes(b"x")

    trainer = Trainer()
    now[0] = 100.0  # building the trainer took long: the clock starts with training
    callback.on_train_start(trainer, None)
    for seconds in (104, 109, 111, 115, 120.5, 121, 140, 141):
        now[0], trainer.global_step = seconds, seconds
        callback.on_train_epoch_end(trainer, None)
    assert store.steps == [111, 121, 140]


def test_random_states_come_back_exactly(tmp_path):
    import random

    import numpy as np

    def draw():
        return (
            random.random(),
            random.gauss(0, 1),
            np.random.rand(),
            np.random.randn(),
            torch.rand(3).tolist(),
        )

    seed_everything(2**33 + 1)
    draw()  # leaves a spare Gaussian in Python's and NumPy's generators
    torch.save(random_state(), tmp_path / "state")
    expected = draw()
    restore_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draw() == expected
