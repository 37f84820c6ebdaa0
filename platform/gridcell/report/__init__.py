"""Reports: one self-contained page with one look, and one policy on what is missing, for all tasks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
