"""What MLflow takes and gives in one request, and how to send and get more."""

from collections.abc import Iterator, Sequence
from typing import Any

_RUNS = 5000
_METRICS = 1000
_PARAMS = 100


def search(client: Any, experiment: str, where: str) -> Iterator[Any]:
    """Yield all runs of an experiment that match a filter."""
    token = None
    while True:
        page = client.search_runs([experiment], where, max_results=_RUNS, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def log_metrics(client: Any, run_id: str, metrics: Sequence[Any]) -> None:
    """Add metrics to a run."""
    for begin in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics[begin : begin + _METRICS])


def log_params(client: Any, run_id: str, params: Sequence[Any]) -> None:
    """Add parameters to a run."""
    for begin in range(0, len(params), _PARAMS):
        client.log_batch(run_id, params=params[begin : begin + _PARAMS])
