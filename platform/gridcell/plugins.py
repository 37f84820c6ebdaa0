"""Parts in files of the user's own: loaded by this process, and sent to the processes that work for it.

A plug-in is a Python file that a suite names under ``plugins:`` or the command line by ``--plugin``. It
may import other files of its folder. Registries look through the plug-ins that are loaded, as they look
through their packages.
"""

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import cache_from_source, find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from gridcell.errors import UserError
from gridcell.package_data import files_of
from gridcell.sources import look_again, plain


@dataclass(frozen=True)
class Plugin:
    """A loaded file.

    Attributes:
        path: of the file, on the machine of the user.
        module: what it defines.
        files: path relative to its folder -> content, of itself (the first), of what it imports there, and of
            the data files that these read there.
        joins: whether its parts join a suite that does not name them, as those of ``--plugin`` do.
    """

    path: Path
    module: ModuleType
    files: Mapping[str, bytes]
    joins: bool = False


@dataclass(frozen=True)
class Sent:
    """A plug-in as it travels to another process: no module, only the text of its files."""

    path: str
    name: str  # of the module, the same in all processes, so that what one pickles the other can load
    files: Mapping[str, bytes]


_FUNCTION = re.compile(r"(\w+(?:\.\w+)*):\w+")  # how a task names its functions

_LARGEST = 64_000_000  # bytes of a plug-in that are sent to other processes

_loaded: dict[Path, Plugin] = {}


def loaded() -> tuple[Plugin, ...]:
    """Return the plug-ins of this process, in the order in which they were loaded."""
    return tuple(_loaded.values())


def paths() -> list[str]:
    """Return the paths of the plug-ins of this process."""
    return [str(path) for path in _loaded]


def hint() -> str:
    """Return the sentence that a message on an unknown part adds; none where a plug-in is loaded."""
    return "" if _loaded else "What is your own is read from its file: --plugin FILE"


def here(path: Path) -> Path:
    """Return where this process has a plug-in's file: a copy, where another process sent it."""
    file = _loaded[path].module.__file__ if path in _loaded else None
    return Path(file) if file else path


def contents(path: Path) -> dict[str, bytes]:
    """Return the text of a Python file and of all that it imports or reads from its folder.

    Returns:
        Path from the folder -> content, of the file itself first.

    Raises:
        UserError: one is not Python, or can't be read.
    """
    return _files(path.resolve(), None)


@cache
def is_own(module: str) -> bool:
    """Return whether a module is of the user's own sources, which may be edited, and not installed.

    Args:
        module: name, dotted or not; one that is not here is none.

    Example:
        >>> is_own("numpy")
        False
    """
    spec = _found(module.partition(".")[0])
    return spec is not None and not _is_installed(spec)


def hidden_by(name: str) -> str:
    """Return where the module lies that a file of this name in the user's folder would hide; empty if none.

    Python would import the file in its place: an installed module, or one of Python's own.

    Example:
        >>> hidden_by("my_method")
        ''
    """
    spec = _found(name)
    tasks = {
        point.value.partition(":")[0].partition(".")[0] for point in entry_points(group="gridcell.tasks")
    }
    if spec is None or not (_is_installed(spec) or name in {"gridcell", *tasks}):
        return ""
    return f"one of Python's own ({name})" if name in sys.stdlib_module_names else str(spec.origin or name)


def _found(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


def _is_installed(spec: ModuleSpec) -> bool:
    if spec.origin is None:  # a folder that may be imported
        return False
    if not Path(spec.origin).is_file():  # built in
        return True
    installed = {Path(place).resolve() for place in sysconfig.get_paths().values()}
    return any(Path(spec.origin).resolve().is_relative_to(place) for place in installed)


def load(paths: Iterable[str | Path], *, folder: Path | None = None, joins: bool = False) -> list[Plugin]:
    """Load files as plug-ins; one that is loaded already, and unchanged, is kept as it is.

    Args:
        paths: of Python files, or of packages' folders; ``~`` stands for the home folder.
        folder: that relative paths start from; the working folder by default.
        joins: whether their parts join a suite that does not name them.

    Raises:
        UserError: a file is not there, is not Python, or fails when it is run; or what it imports from its
            folder has the name of another module that is loaded.

    Example:
        >>> load([])
        []
    """
    return [_load((folder or Path()) / Path(path).expanduser(), joins) for path in paths]


def forget() -> None:
    """Unload all plug-ins, as tests need it."""
    for plugin in _loaded.values():
        sys.modules.pop(plugin.module.__name__, None)
    _loaded.clear()


def to_send() -> tuple[Sent, ...]:
    """Return the plug-ins of this process for others, which :func:`receive` them.

    Raises:
        UserError: one is too large to be sent.
    """
    for plugin in _loaded.values():
        size = sum(map(len, plugin.files.values()))
        if size > _LARGEST:
            raise UserError(
                f"The plug-in '{plugin.path}' and the files that it reads there are {size / 1e6:,.0f} MB, "
                f"and at most {_LARGEST / 1e6:.0f} MB are sent to other processes: read large data by a path"
            )
    return tuple(Sent(str(plugin.path), plugin.module.__name__, plugin.files) for plugin in _loaded.values())


def receive(plugins: Sequence[Sent], new_folder: Callable[[], Path] | None = None) -> None:
    """Load plug-ins of another process, from temporary folders of this one.

    Args:
        plugins: what :func:`to_send` returned there.
        new_folder: makes an empty folder, which has to stay while this process lives; without it, folders
            are removed when this process ends, unless it is killed.
    """
    for sent in plugins:
        original = Path(sent.path)
        if original in _loaded and _loaded[original].files == sent.files:
            continue
        folder = (new_folder or _folder_until_exit)()
        for name, content in sent.files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        module = _run(folder / next(iter(sent.files)), sent.name, sent.files)
        _loaded[original] = Plugin(original, module, sent.files)


def _folder_until_exit() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gridcell-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _load(path: Path, joins: bool) -> Plugin:
    if (path / "__init__.py").is_file():  # a package
        path = path / "__init__.py"
    if not path.is_file():
        near = sorted(entry.name for entry in path.parent.glob("*.py")) if path.parent.is_dir() else []
        there = f"; the folder has {', '.join(near[:5])}" if near else ""
        raise UserError(f"There is no plug-in file '{path}'{there}")
    path = path.resolve()
    known = _loaded.get(path)
    files = _files(path, known.module if known else None)
    _check_names(path, files)
    if known is not None and known.files == files:
        module = known.module
    else:
        digest = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:12]
        module = _run(path, f"gridcell_plugin_{path.stem}_{digest}", files)
        files = _files(path, module)
    _loaded[path] = Plugin(path, module, files, joins or (known is not None and known.joins))
    return _loaded[path]


def _files(path: Path, module: ModuleType | None) -> dict[str, bytes]:
    """Return the file's text and that of what it imports or names from its folder, by relative path.

    Args:
        path: of the plug-in.
        module: that it defines, if it was run: a task names the modules of its functions.
    """
    folder = path.parent
    starts = [path, *_named(module, folder)]
    look_again()
    try:
        found = [files_of(start, [folder]) for start in starts]
        paths = sorted({file for files in found for file in (*files.code, *files.data)})
    except SyntaxError as error:
        raise UserError(
            f"'{error.filename}' is not valid Python: {error.msg} (line {error.lineno})"
        ) from error
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}") from error
    others = [other for other in paths if other != path]
    return {str(each.relative_to(folder)): each.read_bytes() for each in [path, *others]}


def _named(module: ModuleType | None, folder: Path) -> list[Path]:
    """Return the files of a folder whose functions a plug-in's task names, as ``module:function``."""
    named = map(_FUNCTION.fullmatch, _texts(getattr(module, "task", None)))
    files = {folder / f"{found[1].replace('.', '/')}.py" for found in named if found}
    return sorted(file for file in files if file.is_file())


def _texts(value: object) -> Iterator[str]:
    """Yield each text within a task, its fields' own fields and entries included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, Sequence):
        for entry in value:
            yield from _texts(entry)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _texts([getattr(value, one.name) for one in fields(value)])


def _check_names(path: Path, files: Mapping[str, bytes]) -> None:
    """Refuse a file of the folder that Python would take another module for, without a word.

    Python loads one module of a name.
    """
    if path.name != "__init__.py" and (hidden := hidden_by(path.stem)):
        raise UserError(f"The plug-in '{path}' hides another module, {hidden}: give the file another name")
    for name in sorted(filter(_is_code, set(files) - {path.name})):
        top = Path(name).parts[0].removesuffix(".py")
        held = getattr(sys.modules.get(top), "__file__", None)
        if held is not None and not plain(Path(held), path.parent).is_relative_to(path.parent):
            raise UserError(
                f"The plug-in '{path}' imports '{top}' of its folder, but another '{top}' is loaded already, "
                f"from {held}: give the file another name"
            )


def _is_code(name: str) -> bool:
    return name.endswith(".py")


def _lies_in(module: ModuleType | None, folder: str) -> bool:
    """Return whether a module, or a package without ``__init__.py``, lies in a folder."""
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", []))
    return any(place.startswith(f"{folder}{os.sep}") for place in places)


def _run(path: Path, name: str, files: Mapping[str, bytes]) -> ModuleType:
    """Run a plug-in as a module of that name, which depends on its text alone.

    Earlier bytecode of it and of what it imports is removed: Python takes it for the file's as long as its
    size and the second of its last change are the same: a file edited twice a second would run as it was.
    """
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"The plug-in '{path}' must be a Python file, whose name ends in .py")
    folder = str(path.parent)
    for other in filter(_is_code, files):  # else an edited file of the folder would stay as it was
        top = Path(other).parts[0].removesuffix(".py")
        if _lies_in(sys.modules.get(top), folder):
            for loaded_name in [key for key in sys.modules if key.partition(".")[0] == top]:
                del sys.modules[loaded_name]
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = module_from_spec(spec)
    sys.modules[name] = module
    for file in (path, *(path.parent / other for other in filter(_is_code, files))):
        with contextlib.suppress(OSError):  # in a folder that can't be written there is none
            Path(cache_from_source(str(file))).unlink(missing_ok=True)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that ends itself
        del sys.modules[name]
        raise UserError(
            f"The plug-in '{path}' fails when it is loaded: {type(error).__name__}: {error}"
        ) from error
    return module
