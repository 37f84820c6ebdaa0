"""Learning with Lightning: one fit from its start or last checkpoint, and its parts.

Names are imported when they are first used: importing the package alone imports neither torch nor Lightning.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
