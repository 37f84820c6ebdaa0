"""Environments by their Gymnasium ids, vectorised, with the published preprocessing."""
