"""There is no MLflow server, from the first to the last."""

from gridcell.cluster.chaos.cluster import free_port
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Name a server that isn't there; the run must do without."""
    trial.end(trial.drive("--tracking", f"http://127.0.0.1:{free_port()}"))
    trial.expect("'gridcell sync' catches up")


FAULT = Fault("mlflow-gone", "no MLflow answers; the run does without, and says so", strike)
