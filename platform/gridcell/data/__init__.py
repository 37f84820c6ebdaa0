"""Labelled images and arrays: read from what users have, derived, corrupted, and kept as shards.

Names are imported when they are first used, so that planning a grid loads none of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
