"""What writes the reference, imported from where the site's pages lie."""

import sys
from functools import cache

from docs.examples import ROOT

sys.path.append(str(ROOT / "platform/docs"))

from from_code import commands, pages, readmes, settings, summary

READMES = readmes.READMES
__all__ = ["READMES", "commands", "generated_pages", "settings", "summary"]


@cache
def generated_pages() -> dict[str, str]:
    """Return each generated page's text by its path."""
    return pages(ROOT / "platform/docs/reference/generated")
