"""Settings as people read them: what several kinds of entries share is one row."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

from gridcell.settings.schema import Setting


def joined(settings: Sequence[Setting]) -> list[Setting]:
    """Join the rows of one setting that several kinds of entries have, in the order of the first of each.

    The key that names an entry's kind is one row, too, whose values are the kinds.

    Example:
        >>> lr = Setting(("methods", "NAME", "lr"), "kind: ft", "number > 0", 0.1, False, "learning rate.")
        >>> [one.kind for one in joined([lr, replace(lr, kind="kind: ewc")])]
        ['kind: ft | ewc']
    """
    rows = _groups(settings, lambda one: (one.path,) if _names_its_kind(one) else (one.path, _same(one)))
    found = []
    for first, *others in rows:
        if _names_its_kind(first):
            names = " | ".join(dict.fromkeys(one.type for one in (first, *others)))
            told = first.description or "which of these the entry is."
            found.append(replace(first, kind="", type=names, description=told))
            continue
        key = first.kind.partition(": ")[0]
        kinds = dict.fromkeys(one.kind.partition(": ")[2] for one in (first, *others))
        found.append(replace(first, kind=f"{key}: {' | '.join(kinds)}") if all(kinds) else first)
    return found


def overview(settings: Sequence[Setting], own: Mapping[str, str]) -> list[Setting]:
    """Return joined rows, in which what an entry may have of its own in place of a section is one row.

    Args:
        settings: all of them.
        own: section -> where each entry may have it of its own, as a task's ``own_settings``.
    """
    places = {tuple(place.split(".")): section for section, place in own.items()}

    def place_of(one: Setting) -> tuple[str, ...]:
        return next((place for place in places if one.path[: len(place)] == place), one.path)

    rows: list[Setting] = []
    for one in settings:
        place = place_of(one)
        if place in places:
            told = f"as '{places[place]}', for this entry alone."
            one = Setting(place, one.kind, "settings", None, False, told)
            if one in rows:
                continue
        rows.append(one)
    return joined(rows)


def _names_its_kind(setting: Setting) -> bool:
    return setting.kind == f"{setting.path[-1]}: {setting.type}"


def _same(setting: Setting) -> Hashable:
    return (setting.type, repr(setting.default), setting.required, setting.description)


def _groups(settings: Sequence[Setting], key: Callable[[Setting], Hashable]) -> list[list[Setting]]:
    found: dict[Hashable, list[Setting]] = {}
    for one in settings:
        found.setdefault(key(one), []).append(one)
    return list(found.values())
