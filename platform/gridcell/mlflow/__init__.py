"""The MLflow mirror: an experiment of runs that shows what the store holds, written from the driver alone."""
