"""MLflow: whether the mirror can be reached."""

from collections.abc import Iterator

from gridcell.cluster.doctor.check import CheckResult, Level
from gridcell.mlflow.address import connect, database_of
from gridcell.secrets import redact

_ADVICE = "start it or correct --tracking; runs go on without it, and 'gridcell sync' catches up"


def tracking(uri: str) -> Iterator[CheckResult]:
    """Ask the server, or the database's file, for its experiments.

    Args:
        uri: of MLflow's server or database.
    """
    shown = redact(uri)
    database = database_of(uri)
    if database is not None and not database.exists():
        yield CheckResult("MLflow", Level.OK, f"{shown}: will be made by the first run")
        return
    try:
        connect(uri).search_experiments(max_results=1)
    except Exception as error:  # MLflow's, SQLAlchemy's or the network's
        message = redact(" ".join(str(error).split())[:200])
        yield CheckResult("MLflow", Level.WARN, f"{shown}: doesn't answer ({message})", _ADVICE)
        return
    yield CheckResult("MLflow", Level.OK, f"{shown}: answers")
