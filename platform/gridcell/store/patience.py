"""Which errors of storage pass by themselves, and waiting for them to."""

import contextlib
import errno
import functools
import time
from collections.abc import Callable, Iterator
from os import PathLike
from typing import ParamSpec, TypeVar

DELAYS_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # between tries of one operation; then it is its caller's matter

_PASSING = (ConnectionError, TimeoutError, BlockingIOError, InterruptedError)
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
_LASTING_CODES = (errno.ENAMETOOLONG, errno.EROFS, errno.EINVAL, errno.ELOOP)
_FULL = (errno.ENOSPC, errno.EDQUOT)
# botocore's, which are no OSErrors; by name, so that no cloud's package need be there.
_PASSING_NAMES = frozenset({"ConnectionError", "HTTPClientError", "ResponseParserError"})

P = ParamSpec("P")
R = TypeVar("R")


def is_full(error: BaseException) -> bool:
    """Whether a disk is full, or a quota."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextlib.contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Name the file or folder in an error of the disk that names none, as one of writing to an open file.

    Example:
        >>> with naming("report"):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
            ...
        OSError: [Errno 28] No space left on device: 'report'
    """
    try:
        yield
    except OSError as error:
        if is_full(error) and error.filename is None:
            error.filename = str(path)
        raise


def is_refused(error: BaseException | None) -> bool:
    """Whether a place may not be written: by this account, or by anybody.

    Example:
        >>> is_refused(PermissionError()), is_refused(ConnectionResetError())
        (True, False)
    """
    return (isinstance(error, OSError) and error.errno == errno.EROFS) or isinstance(error, PermissionError)


def is_passing(error: BaseException) -> bool:
    """Whether an error of storage or network is likely to be gone the next time."""
    if isinstance(error, _PASSING) or _PASSING_NAMES & {kind.__name__ for kind in type(error).__mro__}:
        return True
    if not isinstance(error, OSError) or isinstance(error, _LASTING) or is_full(error):
        return False
    return error.errno not in _LASTING_CODES


def written_if_possible(write: Callable[[], None]) -> None:
    """Do without a note about the run where storage fails for long: no result depends on one."""
    try:
        write()
    except Exception as error:
        if not (is_passing(error) or is_full(error)):
            raise


def patient(operation: Callable[P, R]) -> Callable[P, R]:
    """Make an operation that may be repeated wait and try again where its error is a passing one."""

    @functools.wraps(operation)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for delay in DELAYS_S:
            try:
                return operation(*args, **kwargs)
            except Exception as error:  # every filesystem has errors of its own
                if not is_passing(error):
                    raise
            time.sleep(delay)
        return operation(*args, **kwargs)

    return tried
