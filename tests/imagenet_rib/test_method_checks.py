"""What the contract of methods says of one that breaks it."""

import dataclasses

import pytest
import torch
from lightning.pytorch import Callback

from gridcell.testing import ContractError
from imagenet_rib.learning import method_checks
from imagenet_rib.learning.merging import average
from imagenet_rib.learning.objectives import Restricted
from imagenet_rib.method import Probe, Teacher
from imagenet_rib.methods import ft, lp, lwf, soup

LACKING = r"^merge with \{\} leaves out (\S+, ){2}\S+ and 2 more$"
MORE = r"^merge with \{\} adds extra0, extra1, extra2 and 1 more, which the model does not have$"


def merging(change):
    return dataclasses.replace(
        soup.method, merge=lambda weights, **_: change(dict(average(list(weights.values()))))
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda merged: dict(list(merged.items())[5:]), LACKING),
        (lambda merged: {**merged, **dict.fromkeys([f"extra{n}" for n in range(4)])}, MORE),
        (lambda merged: dict(list(merged.items())[1:]), r"^merge with \{\} leaves out \w+$"),
    ],
    ids=["lacking", "more", "one"],
)
def test_weights_that_a_merge_leaves_out_or_adds_are_named_and_counted(change, said):
    with pytest.raises(ContractError, match=said):
        method_checks._merges(merging(change))


def changed(method, change):
    """A method whose recipe is changed."""
    made = method.prepare
    return dataclasses.replace(method, prepare=lambda start, **given: change(made(start, **given)))


class Raising(Callback):
    """A callback that works for one step."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 2:
            raise RuntimeError("after the second step")


def test_a_callback_that_raises_is_noticed_before_any_run():
    broken = changed(ft.method, lambda recipe: dataclasses.replace(recipe, callbacks=(Raising(),)))
    with pytest.raises(RuntimeError, match="after the second step"):
        method_checks._fits(broken)
    method_checks._fits(ft.method)


@pytest.mark.parametrize("callbacks", [(Raising,), Raising(), (object(),)])
def test_what_is_no_callback_is_said_to_be_none(callbacks):
    wrong = changed(ft.method, lambda recipe: dataclasses.replace(recipe, callbacks=callbacks))
    with pytest.raises(ContractError, match=r"callbacks must be "):
        method_checks._fits(wrong)


def test_a_callback_of_a_taught_method_is_shown_answers_beside_labels_too():
    """Its batches have them in a real training, and labels alone where there is no room for answers."""

    class Counting(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, index):
            _, labels = batch
            assert len(labels) == method_checks._IMAGES

    def counting(recipe):
        return dataclasses.replace(recipe, callbacks=(Counting(),))

    method_checks._fits(changed(ft.method, counting))
    with pytest.raises(AssertionError):
        method_checks._fits(changed(lwf.method, counting))


def test_a_teacher_whose_loss_is_another_is_noticed():
    """Its answers are computed once in a real training, which would then silently train by another loss."""

    def of_double(recipe):
        loss = recipe.teacher.loss
        return dataclasses.replace(
            recipe, teacher=Teacher(recipe.teacher.model, lambda *given: 2 * loss(*given))
        )

    def of_labels(recipe):
        loss = recipe.teacher.loss
        labels_alone = Teacher(
            recipe.teacher.model,
            lambda model, images, labels, answers: loss(model, images, labels, 0 * answers),
        )
        return dataclasses.replace(recipe, teacher=labels_alone)

    def of_the_student(recipe):
        """Its answers before training are its teacher's: only in training is this another loss."""
        student = Restricted(recipe.model, torch.tensor(method_checks._CLASSES))
        loss = recipe.teacher.loss
        taught = Teacher(
            recipe.teacher.model,
            lambda model, images, labels, answers: loss(model, images, labels, student(images)),
        )
        return dataclasses.replace(recipe, teacher=taught)

    for wrong in (of_double, of_labels, of_the_student):
        with pytest.raises(ContractError, match=r"^in training its loss is [\d.]+ with its teacher, "):
            method_checks._shortens(changed(lwf.method, wrong))
    method_checks._shortens(lwf.method)


def test_a_probe_of_other_features_is_noticed():
    def of_shifted(recipe):
        body = recipe.probe.body
        return dataclasses.replace(recipe, probe=Probe(lambda images: body(images) + 1, recipe.probe.head))

    with pytest.raises(ContractError, match=r"^in training its loss is [\d.]+ with its probe, "):
        method_checks._shortens(changed(lp.method, of_shifted))
    method_checks._shortens(lp.method)
