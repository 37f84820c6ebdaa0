"""Links from pages to files of the repository that are no pages."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")


def link_to_repository(app: Any, name: str, content: list[str]) -> None:
    """Show links to files that lie outside the site as the files' paths.

    The site is opened from ``file://``, on any machine: it can't know where the repository lies there.

    Args:
        app: Sphinx.
        name: of the page.
        content: its text, changed in place.
    """
    folder = (Path(app.srcdir) / name).parent
    content[0] = without_files(content[0], folder, Path(app.srcdir))


def without_files(text: str, folder: Path, site: Path) -> str:
    """Return a page's text with a path, as code, in place of each link that leads out of the site.

    Args:
        text: of the page, in Markdown.
        folder: from which its links lead.
        site: the folder of the site's pages.
    """

    def shown(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        if target.is_relative_to(site) or not target.is_relative_to(ROOT):
            return match[0]
        words, path = match[1], target.relative_to(ROOT).as_posix()
        return f"`{path}`" if words.strip("`") in path else f"{words} (`{path}`)"

    return LINK.sub(shown, text)
