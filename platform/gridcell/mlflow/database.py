"""MLflow's SQLite database: made in one step, so that an interruption leaves none or a whole one."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gridcell.errors import UserError
from gridcell.mlflow.address import connect, database_of
from gridcell.store.locks import locked

_HEADER = b"SQLite format 3\0"


@contextlib.contextmanager
def alone(uri: str) -> Iterator[None]:
    """Keep other processes of this machine from a database meanwhile; a server is not locked.

    Two that make its tables at once fail, and of two that find no experiment each makes one.
    """
    database = database_of(uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with locked(database.with_name(f"{database.name}.lock")):
        yield


def prepare(uri: str) -> Path | None:
    """Make the database where there is none. To be called within ``alone``; a server is left alone.

    MLflow makes its tables in many steps, and can't use a database in which some are missing. So it makes
    them in a file beside, which is renamed once it is whole. A database that MLflow can't use and that holds
    no runs is such a half-made one: it is set aside.

    Returns:
        Where an unusable database was moved; None where there was none.

    Raises:
        UserError: the file is no SQLite database.
    """
    database = database_of(uri)
    if database is None:
        return None
    aside = None
    if database.exists() and database.stat().st_size:
        if _holds_runs(database) or _is_usable(database):
            return None
        aside = _set_aside(database)
    making = database.with_name(f"{database.name}.making-{os.getpid()}")
    try:
        connect(f"sqlite:///{making}").search_experiments(max_results=1)
        making.replace(database)
    finally:
        making.unlink(missing_ok=True)
    for left in database.parent.glob(f"{database.name}.making-*"):  # by those that were killed: we are alone
        left.unlink(missing_ok=True)
    return aside


def _holds_runs(database: Path) -> bool:
    """Whether a database holds runs, which must not be lost even if MLflow can't use it."""
    with database.open("rb") as file:
        if file.read(len(_HEADER)) != _HEADER:
            raise UserError(f"'{database}' is no SQLite database: name another file for MLflow")
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        try:
            return opened.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return False
            raise
        except sqlite3.DatabaseError:  # malformed: the store makes another
            return False


def _is_usable(database: Path) -> bool:
    # By another spelling: MLflow keeps connections by address, and these would go on with a file set aside.
    try:
        connect(f"sqlite:///{database.parent}/./{database.name}").search_experiments(max_results=1)
    except Exception:  # MLflow's, alembic's or SQLAlchemy's: it holds nothing to lose
        return False
    return True


def _set_aside(database: Path) -> Path:
    number = 1
    while (aside := database.with_name(f"{database.name}.unusable-{number}")).exists():
        number += 1
    database.rename(aside)
    for suffix in ("-journal", "-wal", "-shm"):  # else SQLite would apply them to the new database
        with contextlib.suppress(FileNotFoundError):
            database.with_name(f"{database.name}{suffix}").rename(aside.with_name(f"{aside.name}{suffix}"))
    return aside
