"""Reports: one self-contained page with one look, and one policy on what is missing, for all tasks."""

from gridcell.report.facts import as_text, facts
from gridcell.report.fetch import Fetch, fetching
from gridcell.report.missing import nothing_done
from gridcell.report.page import Picture, write_page, write_summary
from gridcell.report.results import GridResults, Report
from gridcell.report.tables import Column, Columns, Table, Value, write_csv
from gridcell.report.write import write_report

__all__ = [
    "Column",
    "Columns",
    "Fetch",
    "GridResults",
    "Picture",
    "Report",
    "Table",
    "Value",
    "as_text",
    "facts",
    "fetching",
    "nothing_done",
    "write_csv",
    "write_page",
    "write_report",
    "write_summary",
]
