"""Weights on the hubs of timm and torchvision: one look whether they can be had, and where to put them."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gridcell import UserError, unknown
from imagenet_rib.learning.checkpoint_files import first_line

LOOK_S = 5.0
"""How long an answer of a hub is waited for, seconds."""

REMEMBERED_S = 60.0
"""How long a hub counts as out of reach once a look has failed, seconds."""

_failed: dict[str, tuple[float, OSError]] = {}


def look(address: str) -> None:
    """Make sure that a server answers, whatever it answers.

    The clients of hubs try for a minute and more, each model anew. This asks once, and remembers a failure
    for a minute.

    Args:
        address: With its scheme. Proxies of the environment are used.

    Raises:
        OSError: It doesn't answer.
    """
    when, error = _failed.get(address, (0.0, None))
    if error is not None and time.monotonic() - when < REMEMBERED_S:
        raise error
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=LOOK_S).close()
    except urllib.error.HTTPError:
        pass  # an answer
    except OSError as error:
        _failed[address] = time.monotonic(), error
        raise


def cached_or_reachable(name: str) -> Path | None:
    """Return the file of timm's weights in the hub's cache; None where the hub has to be asked for it.

    Args:
        name: timm's, with the tag of the weights.

    Raises:
        UserError: The file is not in the cache, and the hub doesn't answer.
    """
    import huggingface_hub
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    where = getattr(config, "hf_hub_id", None)
    if config is None or not where:
        return None
    repository, _, revision = where.partition("@")
    names = [config.hf_hub_filename] if config.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    found = cached_file(repository, names, revision)
    if found is not None and not config.custom_load:
        return found
    try:
        look(huggingface_hub.constants.ENDPOINT)
    except OSError as error:
        raise missing_from_hub(name, error) from error
    return None


def cached_file(repository: str, names: Iterable[str], revision: str = "") -> Path | None:
    """Return the first of a repository's files that is in the hub's cache; None where none is."""
    import huggingface_hub

    for name in names:
        found = huggingface_hub.try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def missing_from_hub(name: str, error: Exception) -> UserError:
    """Return what to tell the user where timm's weights can't be had: which file to put where."""
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    where = (getattr(config, "hf_hub_id", None) or name).partition("@")[0]
    told = put_into_cache(f"The weights of '{name}'", where, error)
    return UserError(f"{told}, or name model.safetensors of {where} with source: file and path: FILE")


def put_into_cache(what: str, repository: str, error: Exception) -> str:
    """Return a sentence: something can't be downloaded, and which folder to copy where."""
    import huggingface_hub

    folder = f"models--{repository.replace('/', '--')}"
    return (
        f"{what} can't be downloaded ({first_line(error)}): on a machine with a network, "
        f"'hf download {repository}' fetches them; copy its folder {folder} into "
        f"{huggingface_hub.constants.HF_HUB_CACHE}"
    )


def torchvision_weights(name: str, tag: str) -> dict[str, Tensor]:
    """Return weights of torchvision, which timm's models of the same name load as they are.

    Args:
        name: A timm name, e.g. ``resnet50``, with or without a tag.
        tag: torchvision's name of the weights, e.g. ``IMAGENET1K_V1``.

    Raises:
        UserError: If torchvision has no such model or weights, or they can't be had: says which file to put
            where.
    """
    from torchvision import models

    base = name.partition(".")[0]
    if base not in models.list_models(module=models):
        raise unknown("model of torchvision", base, [n for n in models.list_models() if n[:3] == base[:3]])
    known: Any = models.get_model_weights(base)
    if tag not in known.__members__:
        raise unknown(f"weights of torchvision's {base}", tag, known.__members__)
    weights = known[tag]
    server, _, file = str(weights.url).rpartition("/")
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        if not (folder / file).is_file():
            look(server)
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network; or a file whose hash is not in its name
        raise UserError(
            f"The weights {base} {tag} can't be downloaded ({first_line(error)}): put {file} into {folder}, "
            "or name it with source: file and path: FILE"
        ) from error
    return dict(state)
