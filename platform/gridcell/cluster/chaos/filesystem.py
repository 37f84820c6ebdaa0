"""A remote filesystem that fails as it is told: ``faulty:///folder``, a folder of this machine."""

import errno
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from gridcell.store.filesystem import Folder

# Beside the store: {"every": k} fails every k-th write, {"full": true} each one, {"links": false} hard links.
ORDERS = "faults.json"


def refuse_links_if_told() -> None:
    """From now on, let hard links below a folder with such an order fail in this process, as on exFAT."""
    _refuse_links()


@cache  # for such a hook stays as long as the process
def _refuse_links() -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.link" and _orders_for(arguments[1]).get("links") is False:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), arguments[1])

    sys.addaudithook(hook)


def _orders_for(path: str) -> dict[str, Any]:
    orders = next((item / ORDERS for item in Path(path).parents if (item / ORDERS).exists()), None)
    return {} if orders is None else dict(json.loads(orders.read_text()))


class FaultyFileSystem(AbstractFileSystem):
    """Writes in one step and exclusively, as an object store does, unless told to fail."""

    protocol = "faulty"
    cachable = False
    _writes: ClassVar[int] = 0  # of this process

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._local = LocalFileSystem()
        self._folder = Folder(self._local, "/")

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + str(path).removeprefix("faulty://").strip("/")

    def _fail_if_told(self, path: str) -> None:
        told = _orders_for(path)
        if told.get("full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        FaultyFileSystem._writes += 1
        if FaultyFileSystem._writes % told.get("every", FaultyFileSystem._writes + 1) == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        """Write bytes; with ``mode`` "create" only if nothing is there."""
        path = self._strip_protocol(path)
        self._fail_if_told(path)
        if mode != "create":
            self._folder.write(path.lstrip("/"), value)
        elif not self._folder.create(path.lstrip("/"), value):
            raise FileExistsError(path)

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        """Copy a local file here."""
        self._fail_if_told(self._strip_protocol(rpath))
        self._folder.put(Path(lpath), self._strip_protocol(rpath).lstrip("/"))

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """List a folder."""
        return self._local.ls(self._strip_protocol(path), detail=detail)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Tell a file's name, type and size."""
        return self._local.info(self._strip_protocol(path))

    def modified(self, path: str) -> Any:
        """Tell when a file was written."""
        return self._local.modified(self._strip_protocol(path))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """Return a file's bytes."""
        return self._local.cat_file(self._strip_protocol(path), start=start, end=end)

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        """Copy a file to a local path."""
        self._local.get_file(self._strip_protocol(rpath), lpath)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        """Rename a file."""
        self._folder.move(*(self._strip_protocol(path).lstrip("/") for path in (path1, path2)))

    def rm(self, path: str, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Remove a file or folder."""
        self._local.rm(self._strip_protocol(path), recursive=recursive)
