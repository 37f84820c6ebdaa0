"""What is said where only a part of each set is trained or tested on."""


def part_sentences(trained: int | None, tested: int | None) -> tuple[str, ...]:
    """Return a sentence for each limit that is set.

    Args:
        trained: ``training.max_images``.
        tested: ``evaluation.max_images``.

    Example:
        >>> part_sentences(None, 30_000)
        ('Models are tested on at most 30,000 images of each set, which stand for all of them.',)
    """
    said = []
    if trained is not None:
        said.append(f"Models are fine-tuned on at most {trained:,} images of each set.")
    if tested is not None:
        said.append(
            f"Models are tested on at most {tested:,} images of each set, which stand for all of them."
        )
    return tuple(said)
