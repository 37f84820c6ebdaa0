"""What an architecture is built with, checked when a suite is read: timm builds the model's shape.

On torch's meta device a model has shapes and no numbers, so even the largest takes a fraction of a second,
and no weights are loaded.
"""

import contextlib
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell import Mistake, SettingsError, canonical_json, did_you_mean

RESERVED = {
    "num_classes": "the data say how many classes there are",
    "in_chans": "images have three channels here",
    "features_only": "a classifier is needed, not its features",
    "img_size": "data.image_size or a pre-training's input_size says it",
    "pretrained": "weights are named under pretrainings",
    "pretrained_cfg": "weights are named under pretrainings",
    "pretrained_cfg_overlay": "weights are named under pretrainings",
    "pretrained_strict": "weights are named under pretrainings",
    "checkpoint_path": "weights are named under pretrainings",
    "cache_dir": "weights are named under pretrainings",
}
"""Options of timm that another setting decides, and which."""

FAMILIAR = frozenset({"537a0a8fd36e20b1", "6b03b439f38e6269"})
"""Digests of the architectures of the suites here: timm, which takes seconds to import, is not asked."""


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Make sure that a model of timm takes some options.

    What was found right is remembered in the user's cache folder, by timm's version.

    Args:
        name: timm's, with or without a tag of weights. One that timm doesn't know is left to others.
        options: by name.

    Raises:
        SettingsError: another setting decides an option, the model has no such option, or its value is of
            another type or doesn't fit the others.
    """
    reserved = {key: f"has no place here: {RESERVED[key]}" for key in options if key in RESERVED}
    if reserved:
        raise _wrong(reserved)
    if not options or digest(name, options) in FAMILIAR:
        return
    known = _remembered(name, options)
    if known.is_file():
        return
    _build(name.partition(".")[0], options)
    with contextlib.suppress(OSError):  # a home that can't be written to: timm is asked again next time
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()


def digest(name: str, options: Mapping[str, Any]) -> str:
    """Return what an architecture is remembered by.

    Raises:
        SettingsError: an option is nothing that JSON can hold.
    """
    try:
        text = canonical_json({"name": name.partition(".")[0], "options": dict(options)})
    except TypeError as error:
        raise _wrong({"": f"is wrong: {error}"}) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _remembered(name: str, options: Mapping[str, Any]) -> Path:
    from importlib.metadata import version

    from gridcell import cache_folder

    return cache_folder() / "models" / f"timm-{version('timm')}-3-{digest(name, options)}"


def _build(name: str, options: Mapping[str, Any]) -> None:
    import timm
    import torch

    if not timm.is_model(name):
        return
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    classes = 7  # any number that no layer has by default
    try:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False, num_classes=classes, **given)
            _check_booleans(type(model), options)
            side = 224 if model.default_cfg.get("fixed_input_size") else 256
            answer = model.eval()(torch.zeros(1, 3, side, side))
    except SettingsError:
        raise
    except Exception as error:  # timm checks no types: whatever the model's code makes of a wrong value
        raise _refused(name, options, error) from error
    if tuple(getattr(answer, "shape", ())) != (1, classes):
        raise _wrong({"": f"makes of '{name}' a model that is no classifier"})


def _check_booleans(model: type, options: Mapping[str, Any]) -> None:
    """Refuse true and false where a model's own default is a number, and others where it is one of these."""
    parameters = inspect.signature(model).parameters
    wrong = {}
    for key, value in options.items():
        default = type(parameters[key].default) if key in parameters else None
        if default in (int, float) and isinstance(value, bool):
            wrong[key] = f"is wrong: a number is expected, not {str(value).lower()}"
        elif default is bool and not isinstance(value, bool):  # text is true to Python, be it "no"
            wrong[key] = f"is wrong: it must be true or false (it is {value!r})"
    if wrong:
        raise _wrong(wrong)


def _refused(name: str, options: Mapping[str, Any], error: Exception) -> SettingsError:
    """Say which option a model doesn't take: by its name where timm says so, else with timm's reason."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    for key in options:
        if "unexpected keyword argument" in reason and f"'{key}'" in reason:
            hint = did_you_mean(key, _taken(name))
            return SettingsError(
                [Mistake(("options", key), f"Unknown setting '{{where}}' of {name}: {hint}")]
            )
    texts = [f"'{key}'" for key, value in options.items() if isinstance(value, str)]
    named = f" ({', '.join(texts)} {'is' if len(texts) == 1 else 'are'} text)" if texts else ""
    return _wrong({"": f"doesn't fit model '{name}'{named}: {reason}"})


def _taken(name: str) -> list[str]:
    """Return the options of a model's class."""
    import timm
    import torch

    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    return [key for key in inspect.signature(type(model)).parameters if key not in RESERVED]


def _wrong(said: Mapping[str, str]) -> SettingsError:
    """Build the error for options, by key; the empty key stands for all of them together."""
    return SettingsError(
        [
            Mistake(("options", key) if key else ("options",), f"The setting '{{where}}' {text}")
            for key, text in said.items()
        ]
    )
