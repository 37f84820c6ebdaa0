"""Commands for data sets."""

import math
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import Json, Plugins, print_json, reading
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.progress import LINE_EVERY_S, clock
from gridcell.errors import CorruptData, UserError
from gridcell.parts import check_useful
from gridcell.printable import counted

app = typer.Typer(help="Make and check data sets.", no_args_is_help=True, rich_markup_mode=None)

_NAMED_AT_MOST = 10  # corrupt images or damaged shards that are named on the terminal; the rest are counted


class OnCorrupt(StrEnum):
    """What a corrupt image does to an import or a derivation."""

    FAIL = "fail"
    SKIP = "skip"


OnCorruptOption = Annotated[
    OnCorrupt, typer.Option("--on-corrupt", help="Stop at images that can't be read, or leave them out.")
]

Workers = Annotated[
    int, typer.Option("--workers", metavar="N", help="How many files to read and check at once.")
]


MinImages = Annotated[
    int, typer.Option("--min-images", metavar="N", min=1, help="Leave out classes with fewer images.")
]


@app.callback()
def options() -> None:
    """Make and check data sets."""


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set; 'gridcell data list' lists them.")],
    source: Annotated[
        list[Path],
        typer.Option("--from", metavar="PATH", help="A folder or archive, as published. May be repeated."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="URI", help="Where the shards go: a folder, s3://, ...")],
    workers: Workers = 1,
    on_corrupt: OnCorruptOption = OnCorrupt.FAIL,
    shard_mb: Annotated[
        float, typer.Option("--shard-mb", metavar="MB", help="Approximate size of a shard.")
    ] = 128.0,
    min_images: MinImages = 1,
    plugin: Plugins = None,
) -> None:
    """Write a published data set as WebDataset shards. Run it again to go on where it was stopped."""
    _load(plugin)
    from gridcell.data.shards.write import import_set

    console = common.console()
    bar = _Bar(console, "images")
    try:
        done = import_set(
            name,
            source,
            to,
            workers=workers,
            on_corrupt="skip" if on_corrupt is OnCorrupt.SKIP else "fail",
            shard_mb=shard_mb,
            min_images=min_images,
            progress=bar.update,
        )
    except CorruptData as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        console.print("\nStopped; finished shards are kept. To go on, give the same command again.")
        raise typer.Exit(ExitCode.STOPPED) from None
    finally:
        bar.end()
    manifest = done.manifest
    _print_first(
        console, list(manifest.corrupt.values()), "corrupt image left out", "corrupt images left out"
    )
    if manifest.how["left_out"]:
        console.print(f"{counted(manifest.how['left_out'], 'image')} left out: no part of the benchmark")
    _print_notes(console, [*manifest.how.get("said", []), *filter(None, [manifest.changed])])
    published = manifest.how["published"]
    for what, count in (("images", manifest.samples), ("classes", len(manifest.classes))):
        if published[what] is not None and published[what] != count:
            console.print(f"Note: {count} {what}; as published, {manifest.title} has {published[what]}")
    console.print(
        f"{manifest.title}: {counted(manifest.samples, 'image')} of "
        f"{counted(len(manifest.classes), 'class', 'classes')} in {counted(len(manifest.shards), 'shard')} "
        f"({done.written} written, {done.kept} there before): {to}",
        soft_wrap=True,
    )


@app.command("verify")
def verify(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Where the shards or the derived suite are.")],
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Compare shards, or a derived suite, with their manifest; exit code 1 if anything differs."""
    from gridcell.data.image_sets import is_suite
    from gridcell.data.shards.verify import verify as verify_shards

    console = common.console()
    if "://" not in uri and is_suite(Path(uri).expanduser()):
        _verify_suite(console, Path(uri).expanduser(), as_json=as_json)
        return
    bar = _Bar(console, "shards", silent=as_json)
    try:
        with reading(uri):
            done = verify_shards(uri, workers=workers, progress=bar.update)
    except CorruptData as error:
        raise UserError(str(error)) from error
    finally:
        bar.end()
    manifest = done.manifest
    if as_json:
        print_json({"samples": manifest.samples, "shards": len(manifest.shards), "problems": done.problems})
    else:
        _print_first(console, list(done.problems), "problem")
        found = (
            f"{counted(len(manifest.shards), 'shard')}, {counted(manifest.samples, 'image')} of "
            f"{counted(len(manifest.classes), 'class', 'classes')}"
        )
        verdict = "not as the manifest says" if done.problems else "all as the manifest says"
        console.print(f"{manifest.title}: {found}: {verdict}", soft_wrap=True)
    if done.problems:
        raise typer.Exit(ExitCode.FAILED)


def _verify_suite(console: Console, root: Path, *, as_json: bool) -> None:
    from gridcell.data.image_sets import verify_suite

    try:
        done = verify_suite(root)
    except CorruptData as error:
        raise UserError(str(error)) from error
    images = sum(done.images.values())
    if as_json:
        print_json({"images": images, "sets": len(done.images), "problems": list(done.problems)})
    else:
        _print_first(console, list(done.problems), "problem")
        verdict = "not as the manifest says" if done.problems else "all as the manifest says"
        found = f"{counted(len(done.images), 'set')}, {counted(images, 'image')}"
        console.print(f"Suite {root}: {found}: {verdict}", soft_wrap=True)
    if done.problems:
        raise typer.Exit(ExitCode.FAILED)


@app.command("list")
def list_(as_json: Json = False, plugin: Plugins = None) -> None:
    """List the data sets that can be imported."""
    _load(plugin)
    from gridcell.data.importers import importers

    if as_json:
        print_json({entry.name: entry.title for entry in importers().values()})
        return
    for entry in importers().values():
        typer.echo(f"{entry.name:<10} {entry.title}")


@app.command()
def derive(
    base: Annotated[Path, typer.Option("--base", metavar="DIR", help="Images, in one folder per class.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the derived sets.")],
    size: Annotated[int, typer.Option(metavar="PX", min=16, help="Side of the images.")] = 224,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split and of every random effect.")] = 0,
    min_images: MinImages = 1,
    pretrain_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Part of each class that models are pre-trained on.")
    ] = 0.35,
    val_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Part of each class that is validated on.")
    ] = 0.15,
    subset_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Part of the classes that sets a, r and objectnet have.")
    ] = 0.6,
    shift: Annotated[
        list[str] | None,
        typer.Option(
            "--shift",
            metavar="SET.PARAMETER=NUMBER",
            help="Set a parameter of a shift, e.g. c.per_corruption=4. May be repeated.",
        ),
    ] = None,
    on_corrupt: OnCorruptOption = OnCorrupt.FAIL,
    force: Annotated[bool, typer.Option("--force", help="Replace sets that are there already.")] = False,
    plugin: Plugins = None,
) -> None:
    """Split your own labelled images and derive the eight shifted sets, as imagenet-rib's mini suite does.

    Then run: gridcell run imagenet-rib --set data.source=folder --set data.root=DIR
    """
    _load(plugin)
    from gridcell.data.deriving import derive_folder

    out = out.expanduser()
    manifest = derive_folder(
        base,
        out,
        size=size,
        seed=seed,
        min_images=min_images,
        replace=force,
        on_corrupt="skip" if on_corrupt is OnCorrupt.SKIP else "fail",
        pretrain_share=pretrain_share,
        val_share=val_share,
        subset_share=subset_share,
        parameters=_shift_parameters(shift or []),
    )
    console = common.console()
    _print_notes(console, manifest["how"]["said"])
    for name, about in manifest["sets"].items():
        dealt = manifest["how"]["dealt"].get(name, about["images"])
        made = f", made from {dealt}" if dealt != about["images"] else ""
        console.print(f"{name:10} {about['images']:6} images of {len(about['classes'])} classes{made}")
    console.print(f"Written to {out}", soft_wrap=True)


def _shift_parameters(given: list[str]) -> dict[str, dict[str, float]]:
    """Parse ``set.parameter=number``.

    Raises:
        UserError: One doesn't look like that, or a set or parameter is unknown or out of range.
    """
    from gridcell.data.shifts import shift

    found: dict[str, dict[str, float]] = {}
    for text in given:
        place, equals, value = text.partition("=")
        name, dot, parameter = place.partition(".")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (equals and dot and math.isfinite(number)):
            raise UserError(f"'--shift {text}' must look like --shift c.per_corruption=4")
        found.setdefault(name, {})[parameter] = int(number) if number.is_integer() else number
    for name, parameters in found.items():
        shift(name).check(parameters)
    return found


def _load(files: list[str] | None) -> None:
    """Load files of the user's own, each of which must define a part that data sets can use."""
    check_useful(plugins.load(files or ()), {})


class _Bar:
    """Progress with the time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, what: str, *, silent: bool = False) -> None:
        self._console = console
        self._what = what
        self._silent = silent
        self._bar: Progress | None = None
        self._row: TaskID | None = None
        self._begun = self._last_line = 0.0
        self._already: int | None = None

    def update(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done; the first call tells how many were before.

        The time left is told from the first call on: finding the images and loading packages before it says
        nothing of how long images take.
        """
        if self._already is None:
            self._already = done
            self._begun = self._last_line = time.monotonic()
        if self._silent:
            return
        if self._console.is_terminal:
            if self._bar is None or self._row is None:
                columns = (BarColumn(24), MofNCompleteColumn(), TextColumn(self._what), TextColumn("left"))
                self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
                self._row = self._bar.add_task("", total=total)
                self._bar.start()
            self._bar.update(self._row, completed=done)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_S and done > self._already:
            self._last_line = now
            left = (now - self._begun) / (done - self._already) * (total - done)
            self._console.print(f"{done}/{total} {self._what} · left {clock(left)}")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _print_notes(console: Console, sentences: list[str]) -> None:
    for sentence in sentences:
        console.print(f"Note: {sentence}", soft_wrap=True)


def _print_first(console: Console, sentences: list[str], what: str, several: str = "") -> None:
    for sentence in sentences[:_NAMED_AT_MOST]:
        console.print(sentence, soft_wrap=True)
    if sentences:
        console.print(counted(len(sentences), what, several))
