"""No MLflow: this folder before the packages on PYTHONPATH makes a machine that lacks it.

A run that nobody looks at in MLflow then spares the seconds in which MLflow is imported and makes its tables.
"""

raise ModuleNotFoundError("No module named 'mlflow'", name="mlflow")
