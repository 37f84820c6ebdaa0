"""Parameters of shifts whose default doesn't fit a set: chosen, and said."""

from collections.abc import Mapping
from typing import Any

from gridcell.data.corruptions import pair_names
from gridcell.data.shifts import shift
from gridcell.errors import UserError

CORRUPTED, COUNT = "c", "per_corruption"

Parameters = Mapping[str, Mapping[str, Any]]


def chosen_parameters(
    classes: int, images: int, given: Parameters | None = None
) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """Choose how many images set ``c`` shows under each corruption and severity, where the default can't be.

    All of them together must show every class, and no more can be shown than there are.

    Args:
        classes: That the validation images have.
        images: Number of validation images.
        given: Per shift, what was set.

    Returns:
        ``given``, with the number where it was chosen, and a sentence that says so.

    Raises:
        UserError: A number was given that can't be.

    Example:
        >>> chosen_parameters(1000, 3000)[0]
        {'c': {'per_corruption': 14}}
        >>> chosen_parameters(10, 300)[0]
        {}
    """
    # Other mistakes in what is given are the shift's own to tell.
    found = {name: dict(values) for name, values in (given or {}).items()}
    pairs = len(pair_names())
    least = -(-classes // pairs)
    wanted = found.get(CORRUPTED, {}).get(COUNT)
    if isinstance(wanted, int | float):
        if not least <= wanted <= images:
            raise UserError(
                f"{COUNT} of shift '{CORRUPTED}' is {wanted}, but it must be between {least} (to show all "
                f"{classes:,} classes under {pairs} corruptions and severities) and {images:,}, the number "
                "of validation images"
            )
        return found, ()
    default = int(shift(CORRUPTED).parameters[COUNT])
    number = min(max(default, least), images)
    if number == default:
        return found, ()
    why = f"to show all {classes:,} classes" if number > default else f"there are no more than {images}"
    found[CORRUPTED] = {**found.get(CORRUPTED, {}), COUNT: number}
    said = f"Set {CORRUPTED} shows {number} images under each corruption and severity, not {default}: {why}"
    return found, (said,)
