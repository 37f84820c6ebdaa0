"""Templates of pages: escaping, strict about names."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gridcell.report.stale import DAGGER

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_SHARED = Path(__file__).parent


@cache
def environment(folder: Path | None = None) -> "Environment":
    """Return what renders the templates of a folder and of this one; a name that is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders: Sequence[Path] = [_SHARED] if folder is None else [folder, _SHARED]
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = breakable
    return made


def breakable(name: str) -> "Markup":
    """Escape a name and let the browser break it after its separators, not before the mark of staleness."""
    from markupsafe import Markup, escape

    parts = (escape(part) for part in re.split(r"(?<=[_./-])", name))
    return Markup("<wbr>").join(part.replace(DAGGER, f"\u2060{DAGGER}") for part in parts)
