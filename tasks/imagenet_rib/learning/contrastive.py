"""Contrastive fine-tuning of a CLIP model: its two towers, their loss, the classifier that results."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class TextTower:
    """The text side of a CLIP model, with the prompts of every class.

    Attributes:
        encoder: Maps tokens, int64 of shape ``(N, L)``, to embeddings ``(N, E)``; trains.
        tokens: T prompts for each class, tokenised, int64 of shape ``(C, T, L)``.
        projection: Maps the image tower's features to embeddings, shape ``(E, F)``; trains.
        log_scale: Logarithm of the inverse temperature that the towers were trained with; trains.
    """

    encoder: nn.Module
    tokens: Tensor
    projection: Tensor
    log_scale: float


TextTowerFor = Callable[[str, tuple[str, ...]], TextTower]
"""``(timm's name of the image tower, names of the classes) -> text tower``."""


def contrastive_loss(image_embeddings: Tensor, text_embeddings: Tensor, scale: Tensor | float) -> Tensor:
    """Return CLIP's loss: each image is to find its text among the batch's, and each text its image.

    Goyal et al. 2023 (Finetune like you pretrain), equation 1, which is that of Radford et al. 2021. As
    there, other images of the same class in a batch count as negatives.

    Args:
        image_embeddings: Shape ``(N, E)``, of any length: normalised here.
        text_embeddings: Shape ``(N, E)``; the i-th describes the i-th image.
        scale: Inverse temperature.

    Returns:
        A scalar, in nats: the mean of the two directions' cross-entropies.
    """
    images, texts = F.normalize(image_embeddings, dim=1), F.normalize(text_embeddings, dim=1)
    similarity = scale * images @ texts.T
    own = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2


class DualEncoder(nn.Module):
    """An image tower and a text tower that embed into one space.

    Args:
        image: A timm model, of which the features before the last layer are used.
        text: The text side.
    """

    def __init__(self, image: nn.Module, text: TextTower) -> None:
        super().__init__()
        self.image = image
        self.text = text.encoder
        self.projection = nn.Parameter(text.projection.clone())
        self.log_scale = nn.Parameter(torch.tensor(float(text.log_scale)))
        self.register_buffer("tokens", text.tokens, persistent=False)

    def embed_images(self, images: Tensor) -> Tensor:
        """Return the embeddings ``(N, E)`` of images ``(N, 3, H, W)``."""
        features = self.image.forward_head(self.image.forward_features(images), pre_logits=True)  # type: ignore[operator]
        return features @ self.projection.T

    def embed_prompts(self, labels: Tensor) -> Tensor:
        """Return the embeddings ``(N, E)`` of one random prompt each for classes, int64 of shape ``(N,)``."""
        tokens: Tensor = self.tokens  # type: ignore[assignment]
        chosen = torch.randint(tokens.shape[1], (len(labels),), device=labels.device)
        embeddings: Tensor = self.text(tokens[labels, chosen])
        return embeddings

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the contrastive loss of images and their classes' prompts."""
        return contrastive_loss(self.embed_images(images), self.embed_prompts(labels), self.log_scale.exp())

    @torch.no_grad()
    def class_weights(self) -> Tensor:
        """Return the last layer of the zero-shot classifier, shape ``(C, F)``.

        Class embeddings are the normalised means of their prompts' normalised embeddings (Radford et al.
        2021, section 3.1.4). They are multiplied with the projection, so that one linear layer on the
        features ranks classes as the two towers do: the length of the image's embedding, by which they
        divide, is the same for all classes. Probabilities are not the same, the order of classes is.
        """
        tokens: Tensor = self.tokens  # type: ignore[assignment]
        rows = []
        for prompts in tokens:
            each = F.normalize(self.text(prompts), dim=1)
            rows.append(F.normalize(each.mean(0), dim=0))
        return self.log_scale.exp() * torch.stack(rows) @ self.projection
