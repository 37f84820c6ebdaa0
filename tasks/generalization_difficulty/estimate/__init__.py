"""Estimators of a task's ingredients from its labelled data."""
