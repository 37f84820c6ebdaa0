"""A fit that is asked to end, or told to pause, saves and goes on to the very same bits."""

import os
import signal

import pytest
import torch

from gridcell.errors import Preempted
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from gridcell.notice import NOTICE
from learn_problems import Folder, FromTheFirst, batches, classifier

EPOCHS = 4


def states_equal(first, second):
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture
def notice():
    yield NOTICE
    NOTICE.withdraw()


def giving_notice_after(number):
    """Return a loss that gives notice at its ``number``-th call, counted from 1."""
    calls = iter(range(1, number))

    def loss(model, images, labels):
        if next(calls, None) is None:
            NOTICE.give()
        return torch.nn.functional.cross_entropy(model(images), labels)

    return loss


# Seven steps an epoch; steps of two parts are complete at the second.
@pytest.mark.parametrize(
    ("accumulate", "call", "step"), [(1, 3, 3), (1, 7, 7), (1, 11, 11), (2, 3, 2), (2, 4, 2)]
)
def test_a_fit_that_is_to_end_saves_at_its_next_step_and_goes_on_to_the_same_bits(
    tmp_path, notice, accumulate, call, step
):
    settings = {"epochs": 2, "seed": 5, "accumulate": accumulate}
    whole, metrics = classifier(), []
    fit(whole, batches(accumulate=accumulate), **settings, report=lambda **m: metrics.append(m))
    store, later = Folder(tmp_path), []
    kept = {"checkpoints": store, "checkpoint_every_s": 1e9}
    with pytest.raises(Preempted, match=f"saved at step {step}"):
        fit(classifier(loss=giving_notice_after(call)), batches(accumulate=accumulate), **settings, **kept)
    assert store.steps == [step]
    assert not notice.heeded
    notice.withdraw()
    resumed = classifier()
    kept |= {"report": lambda **m: later.append(m)}
    fit(resumed, batches(accumulate=accumulate), **settings, **kept)
    assert states_equal(resumed.model, whole.model)
    assert later == metrics[step // 7 :]


def test_batches_that_begin_at_the_first_are_saved_at_the_end_of_the_epoch(tmp_path, notice):
    store = Folder(tmp_path)
    with pytest.raises(Preempted, match="saved at step 7"):
        fit(
            classifier(loss=giving_notice_after(2)),
            FromTheFirst(),
            epochs=2,
            seed=0,
            checkpoints=store,
            checkpoint_every_s=1e9,
        )
    assert store.steps == [7]


def test_a_fit_without_checkpoints_goes_on_and_is_not_waited_for(notice):
    heeded = []

    def loss(model, images, labels):
        heeded.append(NOTICE.heeded)
        NOTICE.give()
        return torch.nn.functional.cross_entropy(model(images), labels)

    fit(classifier(loss=loss), batches(), epochs=1, seed=0)
    assert heeded == [False] * 7


def test_a_fit_hears_the_signal_that_batch_systems_send(tmp_path, notice):
    before = signal.signal(signal.SIGTERM, lambda *_: NOTICE.give())
    calls = iter(range(3))

    def loss(model, images, labels):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGTERM)
        return torch.nn.functional.cross_entropy(model(images), labels)

    store = Folder(tmp_path)
    try:
        with pytest.raises(Preempted):
            fit(classifier(loss=loss), batches(), epochs=2, seed=0, checkpoints=store, checkpoint_every_s=1e9)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert store.steps == [4]


@pytest.mark.parametrize("pauses", [(1,), (1, 3), (2,), (3, EPOCHS)])
def test_a_fit_that_pauses_goes_on_to_the_same_bits(tmp_path, pauses):
    """The schedule is that of all epochs, so that a pause at the second is no fit of two."""
    settings = {"optimisation": Optimisation(lr=0.02, warmup_share=0.3)}
    whole, metrics = classifier(**settings), []
    last = fit(whole, batches(), epochs=EPOCHS, seed=5, report=lambda **m: metrics.append(m))
    assert last == metrics[-1]
    store, later = Folder(tmp_path), []
    for pause in (*pauses, None):
        module = classifier(**settings)
        how = {"checkpoints": store, "report": lambda **m: later.append(m), "pause_at": pause}
        last = fit(module, batches(), epochs=EPOCHS, seed=5, **how)
        assert last == metrics[(pause or EPOCHS) - 1]
    assert store.steps == [7 * pause for pause in pauses if pause < EPOCHS]
    assert later[: len(metrics)] == metrics
    assert states_equal(module.model, whole.model)


def test_a_fit_whose_checkpoint_is_of_its_pause_has_nothing_to_do(tmp_path):
    """It ended between its checkpoint and its answer."""
    store, told = Folder(tmp_path), []
    first, second = classifier(), classifier()
    before = fit(first, batches(), epochs=EPOCHS, seed=5, checkpoints=store, pause_at=2)
    how = {"checkpoints": store, "pause_at": 2, "report": lambda **m: told.append(m)}
    assert fit(second, batches(), epochs=EPOCHS, seed=5, **how) == before
    assert told == []
    assert states_equal(first.model, second.model)


def test_a_fit_whose_checkpoint_is_of_its_end_still_says_its_last_loss(tmp_path):
    store = Folder(tmp_path)
    before = fit(classifier(), batches(), epochs=2, seed=5, checkpoints=store, checkpoint_every_s=0)
    assert fit(classifier(), batches(), epochs=2, seed=5, checkpoints=store) == before
    with pytest.raises(ValueError, match="needs checkpoints"):
        fit(classifier(), batches(), epochs=2, seed=5, pause_at=1)
