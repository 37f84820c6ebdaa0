"""Fits judged after each epoch: the best weights, early stopping, and the same bits after an interruption."""

import lightning.pytorch as pl
import pytest
import torch

from gridcell.errors import Diverged
from gridcell.learn.fitting import fit
from gridcell.learn.validation import Validation
from learn_problems import Folder, batches, classifier

SCORES = (3.0, 5.0, 4.0, 5.0, 1.0, 9.0)


def weights_of(module):
    return {name: tensor.clone() for name, tensor in module.model.state_dict().items()}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


class Judge:
    """Gives the scores in turn, and remembers the weights that it gave them for."""

    def __init__(self, module, scores=SCORES, begin=0):
        self.module, self.scores, self.at = module, scores, begin
        self.seen = []

    def __call__(self):
        torch.rand(3)  # what a data loader draws, must not change the training
        self.seen.append(weights_of(self.module))
        self.at += 1
        return self.scores[self.at - 1]


def fitted(epochs=6, seed=5, **how):
    module, told = classifier(), []
    judge = Judge(module)
    last = fit(
        module,
        batches(),
        epochs=epochs,
        seed=seed,
        validation=Validation(judge, **how),
        report=lambda **m: told.append(m),
    )
    return module, judge, told, last


def test_a_fit_that_is_judged_trains_as_one_that_is_not():
    judged, _, told, _ = fitted()
    plain = classifier()
    fit(plain, batches(), epochs=6, seed=5)
    assert equal(weights_of(judged), weights_of(plain))
    assert [one["validation"] for one in told] == list(SCORES)
    assert [one["best_validation"] for one in told] == [3, 5, 5, 5, 5, 9]
    assert [one["kept_epoch"] for one in told] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("epochs", "patience", "ran", "kept"),
    [(6, None, 6, 6), (5, None, 5, 2), (6, 2, 4, 2), (6, 1, 3, 2), (6, 4, 6, 6), (2, 1, 2, 2)],
)
def test_the_best_epoch_is_kept_and_patience_ends_the_fit(epochs, patience, ran, kept):
    module, judge, told, last = fitted(epochs, keep="best", patience=patience)
    assert len(judge.seen) == len(told) == ran
    assert last["kept_epoch"] == kept
    assert last["best_validation"] == max(SCORES[:ran])
    assert equal(weights_of(module), judge.seen[kept - 1])
    assert ran == kept or not equal(weights_of(module), judge.seen[-1])


def test_early_stopping_alone_keeps_the_last_epoch():
    module, judge, _, last = fitted(patience=2)
    assert last["kept_epoch"] == 4
    assert equal(weights_of(module), judge.seen[3])


class StoppedError(Exception):
    """The machine is lost."""


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_an_interrupted_fit_keeps_the_same_epoch(tmp_path, stop_after):
    whole, _, told, last = fitted(keep="best", patience=3)
    calls = []

    def loss(model, images, labels):
        calls.append(1)
        if len(calls) > 7 * stop_after + 2:
            raise StoppedError
        return torch.nn.functional.cross_entropy(model(images), labels)

    store, begun = Folder(tmp_path), classifier(loss=loss)
    kept = {"checkpoints": store, "checkpoint_every_s": 0}
    how = {"keep": "best", "patience": 3}
    with pytest.raises(StoppedError):
        fit(begun, batches(), epochs=6, seed=5, validation=Validation(Judge(begun), **how), **kept)
    torch.manual_seed(999)
    resumed, later = classifier(), []
    validation = Validation(Judge(resumed, begin=stop_after), **how)
    again = fit(
        resumed,
        batches(),
        epochs=6,
        seed=5,
        validation=validation,
        report=lambda **m: later.append(m),
        **kept,
    )
    assert equal(weights_of(resumed), weights_of(whole))
    assert later == told[stop_after:]
    assert again == last


@pytest.mark.parametrize("pause_at", [2, 3, 5])
def test_a_fit_that_ended_before_its_pause_goes_on_to_nothing(tmp_path, pause_at):
    """Patience 1 ends it after epoch 3: a pause at 5 finds it over, and so does the fit after the pause."""
    whole, _, _, last = fitted(keep="best", patience=1)
    store = Folder(tmp_path)
    paused = classifier()
    first = Validation(Judge(paused), keep="best", patience=1)
    fit(paused, batches(), epochs=6, seed=5, validation=first, checkpoints=store, pause_at=pause_at)
    assert store.steps == [7 * min(3, pause_at)]
    resumed = classifier()
    judge = Judge(resumed, begin=min(3, pause_at))
    rest = Validation(judge, keep="best", patience=1)
    again = fit(resumed, batches(), epochs=6, seed=5, validation=rest, checkpoints=store)
    assert len(judge.seen) == 3 - min(3, pause_at)
    assert again == last
    assert equal(weights_of(resumed), weights_of(whole))


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_a_divergence(score):
    with pytest.raises(Diverged, match=r"held-out data became .* in epoch 1"):
        fit(classifier(), batches(), epochs=2, seed=0, validation=Validation(lambda: score))


def test_patience_counts_epochs():
    with pytest.raises(ValueError, match="at least 1"):
        Validation(lambda: 0.0, patience=0)


def test_a_later_pause_of_a_fit_that_has_ended_leaves_the_same_checkpoint(tmp_path):
    whole, _, _, last = fitted(keep="best", patience=1)
    store = Folder(tmp_path)
    for pause_at, begin in ((3, 0), (4, 3), (5, 3), (None, 3)):
        module = classifier()
        judge = Judge(module, begin=begin)
        validation = Validation(judge, keep="best", patience=1)
        found = fit(
            module,
            batches(),
            epochs=6,
            seed=5,
            validation=validation,
            checkpoints=store,
            pause_at=pause_at,
        )
        assert len(judge.seen) == 3 - begin
        assert found == last
        assert equal(weights_of(module), weights_of(whole))
    assert store.steps == [21, 21, 21]


class Doubled(pl.Callback):
    """Changes the weights after each epoch, and counts: a callback of a user's own."""

    def __init__(self):
        self.count = 0

    def on_train_epoch_end(self, trainer, pl_module):
        self.count += 1
        with torch.no_grad():
            pl_module.model[0].bias.fill_(float(self.count))

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def test_callbacks_come_before_the_judge_and_go_on_with_their_state(tmp_path):
    module, store = classifier(), Folder(tmp_path)
    judge = Judge(module)
    how = {"callbacks": [Doubled()], "checkpoints": store, "seed": 0}
    fit(module, batches(), epochs=4, pause_at=2, validation=Validation(judge), **how)
    assert [seen["0.bias"].unique().tolist() for seen in judge.seen] == [[1.0], [2.0]]
    resumed, callback = classifier(), Doubled()
    fit(resumed, batches(), epochs=4, **{**how, "callbacks": [callback]})
    assert callback.count == 4
