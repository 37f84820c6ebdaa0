"""What depends on the order in which things stand on a page: anchors, contents, numbers of figures."""

import re
from html import unescape

CONTENTS = "<!--contents-->"
"""Stands in a template where the list of contents goes."""

FIGURE = "<!--figure-->"
"""Stands in a template where a figure's number goes."""

_HEADING = re.compile(r"<h([23])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def with_outline(page: str) -> str:
    """Give every heading an anchor, list those of the second level, and number figures as they stand.

    Example:
        >>> with_outline("<!--contents--><h2>The answer</h2>")
        '<a href="#the-answer"> The answer</a><h2 id="the-answer">The answer</h2>'
    """
    used = dict.fromkeys(re.findall(r'\bid="([^"]+)"', page), 1)
    listed: list[str] = []

    def anchored(found: re.Match[str]) -> str:
        level, words = found.groups()
        plain = unescape(_TAG.sub("", words)).strip()
        slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        used[slug] = used.get(slug, 0) + 1
        name = slug if used[slug] == 1 else f"{slug}-{used[slug]}"
        if level == "2":
            listed.append(f'<a href="#{name}"> {_TAG.sub("", words).strip()}</a>')
        return f'<h{level} id="{name}">{words}</h{level}>'

    anchored_page = _HEADING.sub(anchored, page).replace(CONTENTS, "".join(listed), 1)
    first, *rest = anchored_page.split(FIGURE)
    return first + "".join(f"{number}{part}" for number, part in enumerate(rest, 1))
