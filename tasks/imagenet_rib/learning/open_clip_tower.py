"""Text towers of CLIP models by open_clip, for the image towers that timm has.

timm keeps a CLIP model's image tower. The text tower, the projection of the image's features and the
temperature that belong to it are in open_clip's weights of the same training run.
"""

from collections.abc import Sequence
from typing import Any

import torch

from gridcell import UserError, unknown
from imagenet_rib.learning.contrastive import TextTower
from imagenet_rib.learning.hub import cached_file, look, put_into_cache
from imagenet_rib.learning.open_clip_names import TRAINED_WITH, trained_with

_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def text_tower(architecture: str, class_names: Sequence[str]) -> TextTower:
    """Return the text tower that an image tower was trained with.

    The prompts of a class are OpenAI's 80 sentences for ImageNet (Radford et al. 2021, section 3.1.4), which
    open_clip has.

    Args:
        architecture: timm's name of the image tower, with the tag of its weights; a tag such as
            ``laion2b_ft_in1k`` (fine-tuned from them) counts as ``laion2b``.
        class_names: What people call the classes.

    Raises:
        UserError: open_clip's weights of this image tower are not known, or can't be had.
    """
    import open_clip

    found = trained_with(architecture)
    if found is None:
        known = sorted(".".join(each) for each in TRAINED_WITH)
        raise unknown("CLIP model of open_clip", architecture, known)
    model_name, tag = found
    model = _model(model_name, tag)
    tokenize = open_clip.get_tokenizer(model_name)
    prompts = [[template(name) for template in open_clip.OPENAI_IMAGENET_TEMPLATES] for name in class_names]
    return TextTower(
        encoder=model.text,
        tokens=torch.stack([tokenize(texts) for texts in prompts]),
        projection=model.visual.proj.detach().T.clone(),
        log_scale=float(model.logit_scale.detach()),
    )


def _model(name: str, tag: str) -> Any:
    """Return open_clip's model with its weights, its text tower as a module of its own."""
    import huggingface_hub
    import open_clip

    repository = str(open_clip.get_pretrained_cfg(name, tag)["hf_hub"]).strip("/")
    try:
        if cached_file(repository, _FILES) is None:
            look(huggingface_hub.constants.ENDPOINT)
        return open_clip.create_model(name, tag, force_custom_text=True, require_pretrained=True)
    except OSError as error:
        raise UserError(put_into_cache(f"The text tower of '{name}' ({tag})", repository, error)) from error
