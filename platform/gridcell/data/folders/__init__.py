"""Folders of images as people have them: one walker, decoder and reader for all tasks and importers."""

from gridcell.data.folders.classes import ClassFolders, open_class_folders
from gridcell.data.folders.left_out import LeftOut
from gridcell.data.folders.walk import File, Tree, require_outside, walk

__all__ = ["ClassFolders", "File", "LeftOut", "Tree", "open_class_folders", "require_outside", "walk"]
