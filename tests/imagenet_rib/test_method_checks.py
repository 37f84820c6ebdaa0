"""What the contract of methods says of one that breaks it."""

import dataclasses

import pytest
from lightning.pytorch import Callback

from gridcell.testing import ContractError
from imagenet_rib.learning import method_checks
from imagenet_rib.learning.merging import average
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


def test_a_teacher_whose_loss_is_another_is_noticed():
    """Its answers are computed once in a real training, which would then silently train by another loss."""

    def of_double(recipe):
        loss = recipe.teacher.loss
        other = Teacher(recipe.teacher.model, lambda *given: 2 * loss(*given))
        return dataclasses.replace(recipe, teacher=other)

    with pytest.raises(ContractError, match=r"^with its teacher its loss is [\d.]+, without it "):
        method_checks._shortens(changed(lwf.method, of_double))
    method_checks._shortens(lwf.method)


def test_a_probe_of_other_features_is_noticed():
    def of_shifted(recipe):
        body = recipe.probe.body
        return dataclasses.replace(recipe, probe=Probe(lambda images: body(images) + 1, recipe.probe.head))

    with pytest.raises(ContractError, match=r"^with its probe its loss is [\d.]+, without it "):
        method_checks._shortens(changed(lp.method, of_shifted))
    method_checks._shortens(lp.method)
