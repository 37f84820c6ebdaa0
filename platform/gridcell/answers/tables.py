"""Tables of a task: numbers that its report estimates from many cells, such as mRI, as rows."""

from gridcell.answers.formats import Sheet
from gridcell.answers.request import Request
from gridcell.errors import UserError
from gridcell.report.missing import nothing_done
from gridcell.report.results import GridResults


def check_alone(over: str | None, *, long: bool = False) -> None:
    """Make sure that nothing is asked for that a table of a task does not have.

    Raises:
        UserError: means over seeds, or a row for each metric, are.
    """
    if over is not None:
        raise UserError("A table of the report is over seeds already: leave 'over' or 'table' out")
    if long:
        raise UserError("A table of the report has no long form: leave 'long' or 'table' out")


def table_of(asked: Request, found: GridResults, name: str) -> Sheet:
    """Return a table of a task: all columns of any row, in the order in which they come, and its notes.

    Raises:
        UserError: the task has no such table, or nothing is done.
    """
    task = asked.suite.task
    if name not in task.tables or any(target.cell in found.results for target in found.grid.targets):
        rows = task.table_rows(name, found)
    else:
        raise nothing_done(found)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return Sheet(columns, [[row.get(key) for key in columns] for row in rows], task.notes_of(name, rows))
