"""Files and notes that a page carries within itself, so that the page alone is whole."""

import base64
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from gridcell.errors import UserError

MOST_BYTES = 1 << 20
"""Of a file that a page carries; of a larger one it gives the name and the size."""

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".gif": "image/gif",
    ".png": "image/png",
    ".mp4": "video/mp4",
}


def data_uri(content: bytes, name: str) -> str:
    """Return a file's content as a ``data:`` address; the type follows from the name's ending.

    Example:
        >>> data_uri(b"a,b", "t.csv")
        'data:text/csv;charset=utf-8,a,b'
    """
    kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
    if kind.startswith("text/"):
        plain = quote(content.decode("utf-8"), safe=" ,.;:/-+_()[]~*")
        if len(plain) < 4 * len(content) / 3:
            return f"data:{kind};charset=utf-8,{plain}"
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def file_link(folder: Path, name: str) -> Markup:
    """Return a link that saves a file of the report's folder, which the page carries unless it is large."""
    path = folder / name
    size = path.stat().st_size
    if size > MOST_BYTES:
        return Markup("<code>{}</code> ({:.1f} MB, beside this page)").format(name, size / 1e6)
    uri = data_uri(path.read_bytes(), name)
    return Markup('<a download="{}" href="{}">{}</a>').format(name, uri, name)


def read_notes(path: Path) -> str:
    """Read an author's notes.

    Raises:
        UserError: there is no such text file.
    """
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UserError(f"The notes '{path}' can't be read: {why}") from error


def as_html(notes: str) -> Markup:
    r"""Return Markdown as HTML; HTML in it is shown as text, a picture by its link: nothing is fetched.

    Example:
        >>> as_html("We *stopped* early.")
        Markup('<p>We <em>stopped</em> early.</p>\n')
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", _linked)
    # The page's own headings are of the first and second level.
    reader.add_render_rule("heading_open", lambda self, tokens, index, *_: '<p class="heading"><b>')
    reader.add_render_rule("heading_close", lambda self, tokens, index, *_: "</b></p>\n")
    return Markup(reader.render(notes))


def _linked(self: object, tokens: list, index: int, options: object, env: object) -> str:
    address, words = str(tokens[index].attrs["src"]), tokens[index].content
    if address.startswith("data:image/"):
        return str(Markup('<img src="{}" alt="{}">').format(address, words))
    return str(Markup('<a href="{}">{}</a>').format(address, words or escape(address)))
