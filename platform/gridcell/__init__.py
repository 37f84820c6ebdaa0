"""gridcell: run whole grids of experiments and read the answer off one report.

This is the public face, for authors of tasks and for notebooks: :class:`Task` says what a research system is,
:class:`GridBuilder` plans its cells, :class:`Context` is what a cell function is given. Beside it stand
:mod:`gridcell.data`, :mod:`gridcell.learn`, :mod:`gridcell.plots`, :mod:`gridcell.report` and
:mod:`gridcell.testing`. The names in their ``__all__`` are kept stable, as CONTRIBUTING.md says; all other
modules may change. Names are imported when they are first used, so that planning loads no training library.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
