"""The contract that tasks and parts keep to: checks for their authors, which ``gridcell check`` runs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
