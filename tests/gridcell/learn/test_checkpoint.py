"""Stopped anywhere and resumed, a fit ends with the very same bits."""

import pytest
import torch

from gridcell.data.batches import Batches
from gridcell.errors import UserError
from gridcell.learn.checkpoint import PeriodicCheckpoint
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from gridcell.learn.randomness import random_state, restore_random_state, seed_everything
from learn_problems import Folder, FromTheFirst, batches, classifier, data, network

EPOCHS = 4


class StoppedError(Exception):
    """The machine is lost."""


class FakeTrainer:
    """What asks a trainer for the time alone needs of it."""

    accumulate_grad_batches = 1
    is_global_zero = True
    is_last_batch = False
    world_size = 1
    global_step = 0
    train_dataloader = batches()

    @property
    def strategy(self):
        return self

    def broadcast(self, value):
        return value

    def save_checkpoint(self, path, weights_only):
        path.write_bytes(b"x")


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


def stopping_after(number):
    """Return a loss that can be asked for so many times."""
    calls = iter(range(number))

    def loss(model, images, labels):
        if next(calls, None) is None:
            raise StoppedError
        return torch.nn.functional.cross_entropy(model(images), labels)

    return loss


# 50 samples in batches of 8: seven steps an epoch, and looks after the second, fourth and sixth of each.
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("stop_after", [3, 12])
def test_a_fit_interrupted_within_an_epoch_ends_with_the_same_bits(
    tmp_path, monkeypatch, stop_after, accumulate
):
    monkeypatch.setattr(PeriodicCheckpoint, "LOOK_EVERY", 2)
    monkeypatch.setattr(PeriodicCheckpoint, "MOST_OF_TIME", float("inf"))
    settings = {"epochs": 3, "seed": 5, "accumulate": accumulate}
    whole, metrics = classifier(), []
    fit(whole, batches(accumulate=accumulate), **settings, report=lambda **m: metrics.append(m))

    store = Folder(tmp_path)
    kept = {"checkpoints": store, "checkpoint_every_s": 0}
    parts = len(batches(accumulate=accumulate))  # of an epoch; its last batch, of two samples, has one part
    interrupted = classifier(loss=stopping_after(parts * (stop_after // 7) + stop_after % 7 * accumulate))
    with pytest.raises(StoppedError):
        fit(interrupted, batches(accumulate=accumulate), **settings, **kept)
    assert store.steps == [step for step in range(1, stop_after + 1) if step % 7 in (0, 2, 4, 6)]

    torch.manual_seed(999)
    taken, later = [], []

    def counted(model, images, labels):
        taken.append(len(images))
        return torch.nn.functional.cross_entropy(model(images), labels)

    resumed = classifier(loss=counted)
    fit(
        resumed,
        batches(accumulate=accumulate),
        **settings,
        checkpoints=store,
        report=lambda **m: later.append(m),
    )
    assert states_equal(resumed.model, whole.model)
    assert later == metrics[store.steps[-1] // 7 :]
    epochs, steps = divmod(store.steps[-1], 7)
    assert len(taken) == parts * (3 - epochs) - steps * accumulate


@pytest.mark.parametrize(("before", "after"), [(1, 2), (4, 2)])
def test_a_fit_goes_on_within_an_epoch_when_its_steps_are_divided_otherwise(
    tmp_path, monkeypatch, before, after
):
    monkeypatch.setattr(PeriodicCheckpoint, "LOOK_EVERY", 2)

    def plain(**settings):
        made = classifier(**settings)
        made.model = torch.nn.Sequential(made.model[0], made.model[2], made.model[4]).double()
        return made

    def divided(accumulate):
        images, labels = data()
        return Batches(images.double(), labels, batch_size=8, accumulate=accumulate)

    whole, metrics = plain(), []
    fit(whole, divided(1), epochs=2, seed=5, report=lambda **m: metrics.append(m))
    store, later = Folder(tmp_path), []
    kept = {"checkpoints": store, "checkpoint_every_s": 0}
    with pytest.raises(StoppedError):
        fit(
            plain(loss=stopping_after(3 * before)),
            divided(before),
            epochs=2,
            seed=5,
            accumulate=before,
            **kept,
        )
    assert store.steps == [2]
    resumed = plain()
    fit(
        resumed,
        divided(after),
        epochs=2,
        seed=5,
        accumulate=after,
        checkpoints=store,
        report=lambda **m: later.append(m),
    )
    for name, expected in whole.state_dict().items():
        assert torch.allclose(resumed.state_dict()[name], expected, rtol=0, atol=1e-12), name
    assert [told["step"] for told in later] == [7, 14]
    for told, expected in zip(later, metrics, strict=True):
        assert told == pytest.approx(expected, rel=1e-9)


def test_a_checkpoint_from_before_they_held_the_place_is_still_good(tmp_path):
    whole, metrics = classifier(), []
    fit(whole, batches(), epochs=2, seed=5, report=lambda **m: metrics.append(m))
    store, later = Folder(tmp_path), []
    with pytest.raises(StoppedError):
        fit(
            classifier(loss=stopping_after(9)),
            batches(),
            epochs=2,
            seed=5,
            checkpoints=store,
            checkpoint_every_s=0,
        )
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del checkpoint["gridcell epoch"], checkpoint["gridcell"]["batches"], checkpoint["gridcell"]["accumulate"]
    torch.save(checkpoint, tmp_path / "last.ckpt")
    resumed = classifier()
    fit(resumed, batches(), epochs=2, seed=5, checkpoints=store, report=lambda **m: later.append(m))
    assert states_equal(resumed.model, whole.model)
    assert later == metrics[1:]


def test_an_epoch_whose_last_step_is_looked_at_has_one_checkpoint_at_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(PeriodicCheckpoint, "LOOK_EVERY", 7)
    monkeypatch.setattr(PeriodicCheckpoint, "MOST_OF_TIME", float("inf"))
    store = Folder(tmp_path)
    fit(classifier(), batches(), epochs=2, seed=0, checkpoints=store, checkpoint_every_s=0)
    assert store.steps == [7, 14]


def test_batches_that_always_begin_at_the_first_have_no_checkpoint_within_an_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(PeriodicCheckpoint, "LOOK_EVERY", 1)

    store = Folder(tmp_path)
    fit(classifier(), FromTheFirst(), epochs=2, seed=0, checkpoints=store, checkpoint_every_s=0)
    assert store.steps == [7, 14]


def test_checkpoints_within_an_epoch_take_little_of_the_time(tmp_path):
    now = [0.0]

    class Slow(Folder):
        def save(self, local_path, step):
            now[0] += 3
            super().save(local_path, step)

    store = Slow(tmp_path)
    callback = PeriodicCheckpoint(store, every_s=10, architecture="a", clock=lambda: now[0])
    trainer = FakeTrainer()
    callback.on_train_start(trainer, None)
    for batch in range(1200):  # a second each
        now[0] += 1
        trainer.global_step = batch + 1
        callback.on_train_batch_end(trainer, None, None, None, batch)
    # Looked at every 50 steps; 3 s are 2 % of 150 s.
    assert store.steps == [50, 200, 350, 500, 650, 800, 950, 1100]


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
    callback = PeriodicCheckpoint(store, every_s=10, architecture="a", clock=lambda: now[0])

    trainer = FakeTrainer()
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


@pytest.mark.parametrize(
    ("step_s", "looks"),
    [
        (0.0, [1, 2, 3]),  # no time is seen to pass
        (0.001, [1, 51, 101]),  # at most so many steps without a look
        (0.25, [1, 5, 9]),
        (10.0, [1, 2, 3]),
    ],
)
def test_several_processes_ask_each_other_for_notices_once_a_second(tmp_path, step_s, looks):
    asked, taken, now = [], [], [0.0]

    class Asking(FakeTrainer):
        world_size = 2

        def reduce_boolean_decision(self, given, all):
            asked.append(len(taken))
            return False

    callback = PeriodicCheckpoint(Folder(tmp_path), every_s=1e9, architecture="", clock=lambda: now[0])
    for step in range(1, looks[-1] + 1):
        taken.append(step)
        now[0] += step_s
        callback.on_train_batch_end(Asking(), None, None, None, 0)
    assert asked == looks
