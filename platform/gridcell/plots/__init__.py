"""What every report draws with: heat maps, bars, curves and radars in one look, each returned as a Figure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
