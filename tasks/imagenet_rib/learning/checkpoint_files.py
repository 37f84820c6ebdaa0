"""Files of weights as training programs write them, read without executing anything that they hold.

timm's ``train.py`` stores its arguments as an ``argparse.Namespace``, Lightning its hyper-parameters, others
their optimisers or whole objects beside the weights. Only tensors and plain containers are rebuilt here;
every other object becomes an inert placeholder, so neither code of a file nor a package that it names runs.
"""

import json
import pickle
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from gridcell import UserError

CLASSES_KEY = "classes"
"""Of a safetensors file's metadata: the names of the head's classes as a JSON list."""

_DEPTH = 3  # containers within containers; optimisers nest deeper than state dicts lie
_REBUILT = frozenset(
    {
        ("collections", "OrderedDict"),
        ("torch", "Size"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch._utils", "_rebuild_tensor_v2"),
    }
)
"""What a file of tensors needs: nothing here does more than put numbers into an array."""


@dataclass(frozen=True)
class Held:
    """What a file holds.

    Attributes:
        content: Containers of tensors, with a placeholder for each other object.
        class_names: Names of the head's classes in their order, where the file says them.
        placeholders: Full names of the kinds of objects that were not rebuilt.
    """

    content: Mapping[str, Any]
    class_names: tuple[str, ...] | None = None
    placeholders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One set of weights in a file.

    Attributes:
        label: Where it is in the file, as ``state_dict.model``; empty for the file's top.
        tensors: By the model's own names.
        others: How many tensors beside it, under other names, are no part of it.
    """

    label: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    others: int = 0

    @property
    def averaged(self) -> bool:
        """Whether it is a moving average of the weights, by its name."""
        words = self.label.lower().replace("_", ".").split(".")
        return "ema" in words or "averaged" in words


def read_weights(path: Path, *, shapes_only: bool = False) -> Held:
    """Read a file of weights, or of a whole training state.

    Args:
        path: safetensors, or what ``torch.save`` wrote.
        shapes_only: Whether tensors may lie on torch's ``meta`` device, without numbers.

    Raises:
        UserError: It is damaged, or holds no mapping.
    """
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path, shapes_only=shapes_only)
        placeholders: set[str] = set()
        content = torch.load(
            path,
            map_location="meta" if shapes_only else "cpu",
            pickle_module=_restricted(placeholders),
            weights_only=False,  # the unpickler above decides what is rebuilt
        )
    except (SafetensorError, OSError) as error:
        raise UserError(f"The file of weights '{path}' is damaged: {first_line(error)}") from error
    except Exception as error:  # whatever damaged bytes make of an unpickler
        raise UserError(
            f"'{path}' is no file of weights, or is damaged: {first_line(error)}. Save the bare state dict: "
            "torch.save(model.state_dict(), FILE)"
        ) from error
    if not isinstance(content, Mapping):
        what = "TorchScript or a whole model" if isinstance(content, _Placeholder) else type(content).__name__
        raise UserError(
            f"'{path}' holds {what}, but a mapping of names to tensors is expected: save the state dict, "
            "torch.save(model.state_dict(), FILE)"
        )
    return Held(content, placeholders=tuple(sorted(placeholders)))


def first_line(error: Exception) -> str:
    """Return the first 120 characters of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _read_safetensors(path: Path, *, shapes_only: bool) -> Held:
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        if shapes_only:
            names = file.keys()
            content = {n: torch.empty(file.get_slice(n).get_shape(), device="meta") for n in names}
    if not shapes_only:
        content = load_file(str(path))
    try:
        classes = json.loads(metadata[CLASSES_KEY]) if CLASSES_KEY in metadata else None
    except ValueError:
        classes = None
    return Held(content, class_names=None if classes is None else tuple(map(str, classes)))


class _Placeholder:
    """Stands for an object that is not rebuilt; takes whatever an unpickler does to it, and keeps nothing."""

    def __new__(cls, *_args: Any, **_named: Any) -> "_Placeholder":
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_named: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def __call__(self, *_args: Any, **_named: Any) -> "_Placeholder":
        return self

    def _ignore(self, _items: Any) -> None:
        pass

    append = extend = add = _ignore


def _restricted(placeholders: set[str]) -> Any:
    """Return a stand-in for the module ``pickle`` that rebuilds tensors alone.

    Args:
        placeholders: The full names of all other objects are added to it.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) in _REBUILT:
                return super().find_class(module, name)
            placeholders.add(f"{module}.{name}")
            return _Placeholder

    def load(file: Any, **how: Any) -> Any:
        return Unpickler(file, **how).load()

    return SimpleNamespace(
        Unpickler=Unpickler, load=load, UnpicklingError=pickle.UnpicklingError, __name__="pickle"
    )


def parts_of(held: Held, expected: Collection[str]) -> list[Part]:
    """Find the weights of a model in a file, wherever they lie and whatever their names begin with.

    ``module.`` (DDP), ``_orig_mod.`` (``torch.compile``) and ``model.`` (Lightning, or any other attribute)
    are taken off; so is whatever else comes before all of the model's own names.

    Args:
        held: The file's content.
        expected: Names of the model's tensors that must all be there.

    Returns:
        All sets of tensors that have every expected name; where none has, at most one, which has most of
        them, or what training programs call the weights.
    """
    candidates = [part for state in _state_dicts(held.content) for part in _candidates(*state, expected)]
    whole = [part for part, share in candidates if share == 1.0]
    if whole:
        return whole
    best = max(candidates, key=lambda candidate: candidate[1], default=None)
    if best is not None and best[1] >= 0.5:
        return [best[0]]
    return _by_custom(held.content)


def choose_part(
    parts: list[Part], wanted: str | None, path: Path, placeholders: tuple[str, ...] = ()
) -> Part:
    """Choose among the sets of weights in a file.

    Args:
        parts: As found.
        wanted: Label of one, or some of its last words; None where the file should leave no choice. A moving
            average goes before the weights that it averages, as in timm.
        path: Of the file, for messages.
        placeholders: What the file holds beside tensors, for messages.

    Raises:
        UserError: There is none, or more than one could be meant.
    """
    if not parts:
        more = f"; it holds more than tensors ({', '.join(placeholders[:3])}), which is not read"
        raise UserError(
            f"'{path}' holds no weights: a mapping of names to tensors is expected{more * bool(placeholders)}"
        )
    labels = [part.label or "top" for part in parts]
    if wanted is not None:
        fits = [p for p, label in zip(parts, labels, strict=True) if f".{label}".endswith(f".{wanted}")]
        if len(fits) == 1:
            return fits[0]
        raise UserError(f"'{path}' has no single weights called '{wanted}': it has {', '.join(labels)}")
    averaged = [part for part in parts if part.averaged]
    if len(parts) == 1 or (len(averaged) == 1 and len(parts) == 2):
        return averaged[0] if averaged else parts[0]
    raise UserError(
        f"'{path}' holds {len(parts)} sets of weights for this model: say which by 'part', one of "
        f"{', '.join(labels)}"
    )


def _state_dicts(content: Mapping[Any, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Tensor]]]:
    """Yield the mappings that hold tensors, with the keys that lead to them."""
    stack: list[tuple[tuple[str, ...], Mapping[Any, Any]]] = [((), content)]
    while stack:
        place, found = stack.pop(0)
        tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
        if tensors:
            yield place, tensors
        if len(place) < _DEPTH:
            stack += [((*place, str(k)), value) for k, value in found.items() if isinstance(value, Mapping)]


def _candidates(
    place: tuple[str, ...], tensors: Mapping[str, Tensor], expected: Collection[str]
) -> Iterator[tuple[Part, float]]:
    """Yield each prefix under which names of the model occur, with the share of them that do."""
    plain = {_without_wrapping(name): tensor for name, tensor in tensors.items()}
    found: OrderedDict[str, int] = OrderedDict()
    for name in plain:
        for start in (0, *(i + 1 for i, sign in enumerate(name) if sign == ".")):
            if name[start:] in expected:
                found[name[:start]] = found.get(name[:start], 0) + 1
    for prefix, count in found.items():
        own = {name.removeprefix(prefix): t for name, t in plain.items() if name.startswith(prefix)}
        label = ".".join([*place, *filter(None, [prefix.rstrip(".")])])
        yield Part(label, own, others=len(plain) - len(own)), count / len(expected)


def _without_wrapping(name: str) -> str:
    return name.replace("_orig_mod.", "")


def _by_custom(content: Mapping[str, Any]) -> list[Part]:
    """Return what training programs call the weights; names are left to timm's own conversion."""
    keys = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "module")
    label, state = next(((k, content[k]) for k in keys if isinstance(content.get(k), Mapping)), ("", content))
    tensors = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors or len(tensors) < len(state) / 2:
        return []
    for prefix in ("_orig_mod.", "module.", "model."):
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return [Part(label, tensors)]
