"""Links between READMEs and pages lead somewhere: each file, and each heading after a #."""

import re

import pytest
from markdown_it import MarkdownIt

from docs.examples import ROOT, pages

DIRECTIVE = re.compile(r"```\{(?:literal)?include\} (\S+)")
GENERATED = ROOT / "platform/docs/reference/generated"


def links(path):
    """Return the targets of a page's links, pictures and included files."""
    text = path.read_text(encoding="utf-8")
    for token in MarkdownIt().enable("table").parse(text):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                yield target
    yield from DIRECTIVE.findall(text)


def anchors(path):
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def generated():
    """Names of the pages that are generated when the site is built."""
    from docs.site import generated_pages

    return {GENERATED / name for name in generated_pages()}


@pytest.mark.parametrize("page", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in pages()])
def test_links_lead_somewhere(page, generated):
    for link in links(page):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in generated, f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_every_page_is_reached_from_the_site(generated):
    """Sphinx lists those that are in no toctree; here each README has to be a page of the site, too."""
    from docs.site import READMES

    own = {"README.md", "tests/plugins/README.md", "tasks/fragmentation_recall/README.md"}
    readmes = {str(path.relative_to(ROOT)) for path in pages() if "docs" not in path.parts[:-1]} - own
    assert readmes == set(READMES)
