"""The report: from stored results to summary.json, the page, its figures, and what the terminal shows."""
