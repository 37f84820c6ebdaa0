from .answer import Answer as Answer
from .facts import as_text as as_text
from .fetch import Fetch as Fetch, fetching as fetching
from .inline import data_uri as data_uri
from .intervals import student_interval as student_interval
from .missing import nothing_done as nothing_done
from .page import write_page as write_page, write_summary as write_summary
from .pictures import Picture as Picture
from .results import About as About, GridResults as GridResults, Report as Report
from .stale import (
    DAGGER as DAGGER,
    STALE as STALE,
    is_stale as is_stale,
    marked as marked,
    said_stale as said_stale,
)
from .tables import (
    Column as Column,
    Columns as Columns,
    Table as Table,
    Value as Value,
    write_csv as write_csv,
)
from .write import write_report as write_report
