"""Published data sets as they are downloaded: one module per layout, found by itself.

A new data set is one new module here that defines ``IMPORTER``, and its test.
"""

from gridcell.data.importers.layout import Entry, Layout
from gridcell.data.importers.registry import Importer, importer, importers
from gridcell.data.importers.source import Member, Source

__all__ = ["Entry", "Importer", "Layout", "Member", "Source", "importer", "importers"]
