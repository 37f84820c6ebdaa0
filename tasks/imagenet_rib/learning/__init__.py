"""Learning: models, losses, penalties, merges and predictions, as functions that know nothing of cells."""
