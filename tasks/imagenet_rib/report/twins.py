"""Methods that are the same cells under two names, as a sweep makes where it holds its entry's own value."""

from collections.abc import Iterable, Mapping

from imagenet_rib.report.evaluations import Evaluation


def without_twins(evaluations: Iterable[Evaluation]) -> tuple[list[Evaluation], dict[str, str]]:
    """Leave out methods whose every evaluation is that of a method before them.

    Two names of the same numbers are one method: they would count twice in a correction for many tests.

    Returns:
        The other evaluations, in their order, and name that is left out -> name that stands for it.

    Example:
        >>> names = ("ewc", "ewc-10")
        >>> without_twins(Evaluation("vit", name, "v2", 0, None, {}, cell="ab12") for name in names)[1]
        {'ewc-10': 'ewc'}
    """
    evaluations = list(evaluations)
    made: dict[str, dict[tuple[object, ...], str]] = {}
    for one in evaluations:
        variant = tuple(sorted((one.variant or {}).items()))
        made.setdefault(one.method, {})[one.model, one.downstream, one.seed, variant] = one.cell
    first: dict[frozenset[tuple[tuple[object, ...], str]], str] = {}
    twins: dict[str, str] = {}
    for method, cells in made.items():
        known = first.setdefault(frozenset(cells.items()), method)
        if known != method and all(cells.values()):
            twins[method] = known
    return [one for one in evaluations if one.method not in twins], twins


def told(twins: Mapping[str, str]) -> list[str]:
    """Say which names are left out, and under which their numbers stand."""
    return [
        f"{name} is the same cells as {other}, and is shown as {other} alone."
        for name, other in twins.items()
    ]
