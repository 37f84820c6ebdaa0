"""The MLflow server goes away for a while."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.mlflow_server import serving
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Kill the server, let the run end without it, start it again, and catch up."""
    with serving(trial) as server:
        driver = trial.drive("--tracking", server.uri)
        trial.wait_for_training(driver)
        server.kill()
        trial.end(driver)
        trial.expect("'gridcell sync' catches up")
        server.start()
        trial.end(trial.gridcell("sync", "--tracking", server.uri))
        trial.expect("cells added to MLflow")
        trial.end(trial.gridcell("sync", "--tracking", server.uri))
        trial.expect("0 cells added to MLflow")


FAULT = Fault("mlflow-away", "MLflow is killed and comes back; the run goes on, and sync catches up", strike)
