"""The evaluation cell: one model's right and wrong answers on the sets it names.

Several models of one architecture go through the images together: each batch is read and decoded once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Cell, Context, Diverged, FailureClass, UserError, classify
from imagenet_rib.cells.at_once import MOST, images_at_once
from imagenet_rib.cells.held_out import split
from imagenet_rib.cells.inputs import WEIGHTS, Inputs
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.grid.input_names import HELD_OUT, is_data
from imagenet_rib.grid.slices import key_of, members
from imagenet_rib.method import Merging
from imagenet_rib.methods import get
from imagenet_rib.metrics import accuracy
from imagenet_rib.vocabulary import VAL

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gridcell.data import LabelledSet

CORRECT = "correct.npz"
WEIGHTS_AT_ONCE = 4 << 30  # bytes of weights in main memory; on a GPU half of what is free there

Answer = Mapping[str, Any] | Exception


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Evaluate finished weights, or merge some and evaluate the merge, which is kept nowhere.

    Raises:
        UserError: the data lack a set, or the merge names a method that does not merge.
    """
    ((_, answer),) = run_together([context])
    if isinstance(answer, Exception):
        raise answer
    return answer


def run_together(contexts: Sequence[Context]) -> Iterator[tuple[Context, Answer]]:
    """Evaluate several models on the same images; see ``same_images`` for which.

    As many at once as memory holds; each of these groups reads and decodes the images once.

    Yields:
        Each cell's context, with its metrics or with why it has none.
    """
    at_once = _at_once(contexts)
    for begin in range(0, len(contexts), at_once):
        models: list[_Model] = []
        for context in contexts[begin : begin + at_once]:
            try:
                with context.own_time():
                    models.append(_Model(context))
            except Exception as error:
                _raise_if_shared(error, contexts)
                yield context, error
        if models:
            yield from _evaluate(models)


def _at_once(contexts: Sequence[Context]) -> int:
    """Return how many models memory holds at once."""
    first = contexts[0]
    role = next(role for role in first.cell.needs if not is_data(role))
    size = first.need(role).artifacts[WEIGHTS].size if len(contexts) > 1 else 1
    limit = WEIGHTS_AT_ONCE
    if first.device == "cuda":
        import torch

        limit = torch.cuda.mem_get_info()[0] // 2
    return max(1, limit // max(1, size))


def _raise_if_shared(error: Exception, contexts: Sequence[Any]) -> None:
    """Pass an error on that several models have caused together: fewer of them fit into memory."""
    if len(contexts) > 1 and classify(error) is FailureClass.OUT_OF_MEMORY:
        raise error


class _Model:
    """One cell's model, and its answers so far.

    Args:
        context: of the cell.
    """

    def __init__(self, context: Context) -> None:
        from imagenet_rib.learning.models import normalisation_of

        cell = context.cell
        roles = [role for role in cell.needs if not is_data(role)]
        self.context = context
        self.inputs = Inputs.of(context, roles[0])
        weights = {role: self.inputs.weights(role) for role in roles}
        bare = self.inputs.models.build()
        self.normalise = normalisation_of(bare)
        self.module = self.inputs.wrapped(bare, roles[0])
        self.is_bare = self.module is bare
        self.module.load_state_dict(merged(cell.config["merge"], weights))
        self.module.to(context.device)
        self._correct: dict[str, NDArray[np.bool_]] = {}
        self._accuracies: dict[str, float] = {}

    def take(self, key: str, images: "LabelledSet", predicted: "NDArray[np.int64]") -> None:
        """Compare predictions with what is right."""
        from imagenet_rib.learning.masking import right

        self._correct[key] = right(predicted, images.labels, images.alternatives)
        self._accuracies[key] = accuracy(self._correct[key], images.group_of)

    def answer(self) -> Mapping[str, Any]:
        """Leave the answers as the cell's output; return its metrics."""
        PackedAnswers(self._correct).write(self.context.outputs / CORRECT)
        mean = float(np.mean(list(self._accuracies.values())))
        return {"accuracy": self._accuracies, "mean_accuracy": mean}


def _evaluate(models: Sequence[_Model]) -> Iterator[tuple[Context, Answer]]:
    """Show the images of each set to all models; yield what each cell answers."""
    left = list(models)
    config = models[0].context.cell.config
    for name in config["sets"]:
        failed: dict[str, Exception] = {}
        try:
            images, classes = _images(models[0], name)
            predicted = _predict(left, images, classes, failed)
        except Exception as error:  # of the images, which are the same for all
            _raise_if_shared(error, left)
            failed = {model.context.cell.id: error for model in left}
        for model in left:
            if (error_of_one := failed.get(model.context.cell.id)) is not None:
                yield model.context, error_of_one
        left = [model for model in left if model.context.cell.id not in failed]
        for model in left:
            model.take(key_of(name, config.get("corruption")), images, predicted[model.context.cell.id])
    for model in left:
        yield model.context, model.answer()


def _images(model: _Model, name: str) -> "tuple[LabelledSet, tuple[int, ...]]":
    """Return the images to be shown, and the classes that they may be taken for.

    Raises:
        UserError: the data lack the set, or it has no images under the corruption that was asked for.
    """
    from imagenet_rib.learning.masking import answers

    images, _ = model.inputs.asked_set(name)
    # Of the whole set, of which this may be a part.
    classes = answers(images.classes, images.alternatives)
    config = model.context.cell.config
    if HELD_OUT in config and name != VAL:  # of the whole set, as where it is trained on
        images = images.select(split(images, config[HELD_OUT])[1])
    images = reduced(images, config.get("max_images"))
    corruption = config.get("corruption")
    if corruption is not None:
        chosen = members(images, corruption)
        if not len(chosen):
            raise UserError(f"Set '{name}' has no images under corruption '{corruption}'")
        images = images.select(chosen)
    if model.context.fast:
        images = images.select(np.arange(min(len(images), MOST)))
    return images, classes


def _predict(
    models: Sequence[_Model], images: "LabelledSet", classes: tuple[int, ...], failed: dict[str, Exception]
) -> "dict[str, NDArray[np.int64]]":
    """Return cell -> predicted classes of all images; each batch is decoded and normalised once.

    A model that gives an image no finite score fails.

    Args:
        models: of one architecture.
        images: what they are shown.
        classes: from which they choose.
        failed: receives cell -> why, of models that fail.
    """
    import torch

    from gridcell.learn import gather, whole_batches
    from imagenet_rib.learning.masking import check_answers
    from imagenet_rib.learning.modes import evaluating
    from imagenet_rib.learning.predictions import Predictions

    first, context = models[0], models[0].context
    mixed = context.cell.config.get("precision") != "float32"
    most = images_at_once(context.device, first.inputs.models.image_size)
    batch_size = min(model.context.batch_and_accumulation(most)[0] for model in models)
    own = whole_batches(len(images), batch_size, context.rank, context.workers)
    batches = images.evaluation_batches(batch_size, first.normalise.prepare, own)
    subset = torch.tensor(classes)
    found = {model: Predictions(model.module, subset, mixed=mixed) for model in models}
    with ExitStack() as modes, torch.inference_mode():
        for model in models:
            modes.enter_context(evaluating(model.module))
        for pixels, *_ in context.alive(batches):
            inputs = first.normalise(pixels.to(context.device, non_blocking=True))
            for model in list(found):
                try:
                    with model.context.own_time():  # what a method put around its model may change the images
                        found[model].add(inputs if model.is_bare else inputs.clone())
                except Exception as error:
                    _raise_if_shared(error, models)
                    failed[model.context.cell.id] = error
                    del found[model]
    predicted = {}
    for model, each in found.items():
        answers = gather(each.all(), context.workers)
        try:
            check_answers(answers, images.name)
        except Diverged as error:
            failed[model.context.cell.id] = error
        else:
            predicted[model.context.cell.id] = answers
    return predicted


def merged(
    merge: Mapping[str, Any] | None, weights: "Mapping[str, dict[str, Tensor]]"
) -> "Mapping[str, Tensor]":
    """Return the weights that an evaluation tests: those that it needs, or a merge of them.

    Args:
        merge: the method's name and variant, as the cell's configuration has them; None for no merge.
        weights: by the role that they are needed in.

    Raises:
        UserError: the method trains.
    """
    if merge is None:
        return weights["weights"]
    method = get(merge["method"])
    if not isinstance(method, Merging):
        raise UserError(f"'{method.name}' trains; it merges nothing")
    return method.merge(weights, **merge["variant"])
