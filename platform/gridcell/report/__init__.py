"""Report pages: one self-contained HTML file, with one look for all tasks."""

from gridcell.report.page import Picture, render, write_pictures

__all__ = ["Picture", "render", "write_pictures"]
