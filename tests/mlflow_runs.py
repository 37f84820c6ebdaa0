"""What MLflow shows of the grids of a test."""

import json

import toy_task

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.experiment import Experiment
from gridcell.store.plans import grid_id


def runs(uri):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiments = [item for item in client.search_experiments() if item.name != "Default"]
    return [run for item in experiments for run in client.search_runs([item.experiment_id])]


def children(uri):
    return [run for run in runs(uri) if "mlflow.parentRunId" in run.data.tags]


def experiment(uri, grid):
    return Experiment(uri, "toy", "mini", grid_id(grid), len(grid))


def run(grid, store, mirror):
    return run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[mirror])


def parent_of(uri):
    (parent,) = [item for item in runs(uri) if "mlflow.parentRunId" not in item.data.tags]
    return parent


def by_title(uri):
    return {item.info.run_name: item for item in children(uri)}


def lines_of(uri, grid, *events):
    header = {"uri": uri, "task": "toy", "suite": "mini", "grid": grid_id(grid), "cells": len(grid)}
    return iter([json.dumps(header).encode(), *(json.dumps(event).encode() for event in events)])
