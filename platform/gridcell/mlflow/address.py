"""MLflow's address: which one is used, whether MLflow can write there at all, and its client."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gridcell.errors import UserError, did_you_mean
from gridcell.secrets import redact
from gridcell.store import Store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SQLITE = "sqlite:///"
_SERVERS = ("http", "https")
_SCHEMES = (*_SERVERS, "sqlite", "postgresql", "mysql", "mssql", "databricks", "databricks-uc")

# Without these a server that is down is asked for minutes, and usage data would be sent out.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def default_tracking_uri(store: Store) -> str:
    """Return ``$MLFLOW_TRACKING_URI``, else a database in the store's folder, or here if that is remote."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    local = store.folder.local("mlflow.db") or Path("mlflow.db")
    return f"{_SQLITE}{local.resolve()}"


def tracking_uri(given: str | None, store: Store) -> str:
    """Return the address given, or the default, once it is known that MLflow takes such an address.

    A server is not asked: a run goes on without it.

    Raises:
        UserError: MLflow can't keep runs there.
    """
    uri = given or default_tracking_uri(store)
    shown, instead = redact(uri), f"give a database, e.g. {_SQLITE}mlflow.db, or a server's http:// address"
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if uri.startswith("databricks"):
        return uri
    if scheme in ("", "file"):
        raise UserError(f"MLflow can't keep runs in the folder '{shown}' (--tracking): {instead}")
    if scheme not in _SCHEMES:
        raise UserError(
            f"MLflow knows no '{scheme}' addresses (--tracking {shown}): {did_you_mean(scheme, _SCHEMES)}"
        )
    _check_server(uri, shown)
    if scheme == "sqlite":
        database = database_of(uri)
        if database is None or database.name in ("", ":memory:"):
            raise UserError(f"'{shown}' (--tracking) names no file: {instead}")
        _check_writable(database)
    return uri


def _check_server(uri: str, shown: str) -> None:
    parts = urlsplit(uri)
    try:
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port
        raise UserError(f"The port in '{shown}' (--tracking) must be a number from 1 to 65535") from None
    if is_server(uri) and not named:
        raise UserError(f"'{shown}' (--tracking) names no server: give one, e.g. http://localhost:5000")


def _check_writable(database: Path) -> None:
    if database.is_dir():
        raise UserError(f"MLflow's database '{database}' (--tracking) is a folder: name a file in it")
    folder = database.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"MLflow's database '{database}' (--tracking) can't be written in '{folder}'")


def database_of(uri: str) -> Path | None:
    """Return the absolute path of an SQLite database's file; None where ``uri`` is of something else."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]).absolute()


def is_server(uri: str) -> bool:
    """Whether a tracking URI is a server's address, at which a browser finds MLflow's pages."""
    return uri.startswith(tuple(f"{scheme}://" for scheme in _SERVERS))


def connect(uri: str) -> "MlflowClient":
    """Return MLflow's client, which gives up soon where no server answers."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for chatty in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)


def one_line(error: Exception) -> str:
    """Return what is wrong with MLflow in a line: its messages, and SQLAlchemy's, have many."""
    return " ".join(str(error).split())[:300] or type(error).__name__
