"""How Sphinx builds the site: ``make docs``.

Sphinx with furo and MyST was chosen because its pages work from ``file://`` as they are: search, dark mode
and links need no server and no network.
"""

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import gridcell  # noqa: E402
from from_code import write_pages  # noqa: E402
from from_code.links import link_to_repository  # noqa: E402

project = "gridcell"
author = "the authors of gridcell"
version = release = gridcell.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["from_code", "_static"]
smartquotes = False  # two dashes are two dashes: options

html_theme = "furo"
html_title = "gridcell"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
# Files of the repository are named in the text and not copied into the site.
suppress_warnings = ["myst.header"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_use_ivar = True


def setup(app: Any) -> None:
    """Write the reference before Sphinx looks for pages."""
    app.connect("builder-inited", lambda _: write_pages(HERE / "reference"))
    app.connect("source-read", link_to_repository)
