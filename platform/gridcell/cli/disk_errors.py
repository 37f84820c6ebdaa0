"""What the command says of a disk or a folder that refuses, where nobody nearer has said it."""

import errno
import os

from gridcell.store.patience import is_full

# Of a file's path, a disk or a mount: what a user mends. A file that isn't there may be a mistake of ours.
_REFUSALS = frozenset(
    {
        *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
        *(errno.ELOOP, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ENOTEMPTY),
    }
)


def sentence_of(error: OSError) -> str:
    """Return the sentence for an error of the file system; empty where it may be a mistake in the code.

    Example:
        >>> sentence_of(OSError(30, "Read-only file system", "runs/plans"))
        "'runs/plans' refuses (Read-only file system): mend that, and type it again. What is done is kept"
        >>> sentence_of(FileNotFoundError(2, "No such file or directory", "runs/plans"))
        ''
    """
    named = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else ""
    path, reason = os.fsdecode(named), error.strerror or type(error).__name__
    if is_full(error):
        where = f" while '{path}' was written" if path else ""
        return f"The disk is full{where} ({reason}): make room, and type it again. What is done is kept"
    if error.errno not in _REFUSALS or not path:
        return ""
    return f"'{path}' refuses ({reason}): mend that, and type it again. What is done is kept"
