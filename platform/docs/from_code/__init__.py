"""Writes the reference from the code: the command, settings, the public API, the store, the environment."""

from pathlib import Path

from from_code import api, commands, readmes, settings, store, summary

GENERATED = "generated"
"""Folder below the reference that holds what is written here; git ignores it."""


def pages(folder: Path) -> dict[str, str]:
    """Return the text of each generated page by its path below their folder."""
    return {
        "command.md": commands.page(),
        **settings.pages(),
        **api.pages(),
        "store.md": store.page(),
        "summary.md": summary.page(),
        **readmes.pages(folder),
    }


def write_pages(reference: Path) -> None:
    """Write the generated pages, and remove those of before that are no more.

    A page whose text is the same is left as it is, so that Sphinx reads no page twice.

    Args:
        reference: the folder of the reference's pages.
    """
    folder = reference / GENERATED
    wanted = {folder / name: text for name, text in pages(folder).items()}
    for old in folder.rglob("*.md"):
        if old not in wanted:
            old.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
