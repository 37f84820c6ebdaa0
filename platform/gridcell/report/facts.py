"""Settings and provenance: what a page says of how its numbers were made."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.report.results import GridResults

Facts = Mapping[str, Any]
"""Label -> text, or a list or mapping of values; see ``as_text``."""


def facts(results: GridResults, own: Facts) -> dict[str, str]:
    """Return label -> text: how much was computed where, a task's own facts, versions and storage."""
    done = list(results.results.values())
    seconds = sum(result.seconds for result in done)
    hosts = sorted({str(result.provenance["host"]) for result in done if "host" in result.provenance})
    return {
        "cells": f"{len(done)} done of {len(results.grid)}",
        "computing": (f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min")
        + f" in all{', on ' if hosts else ''}{', '.join(hosts)}",
        **{label: as_text(value) for label, value in own.items()},
        "versions": results.versions(),
        "storage": results.store.uri,
    }


def as_text(value: Any) -> str:
    """Write a value in a line, in words: of a mapping names and values, without those that are None.

    Example:
        >>> as_text({"lr": 0.001, "epochs": 10, "seed": None})
        'lr 0.001, epochs 10'
        >>> as_text([0, 1]), as_text(True)
        ('0, 1', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {as_text(one)}".strip() for name, one in value.items() if one is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(as_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
