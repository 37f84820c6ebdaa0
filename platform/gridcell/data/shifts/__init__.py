"""Distribution shifts that can be derived from any labelled colour images of at least 16 px.

They stand in for the eight data sets of ImageNet-RIB (Hwang et al., arXiv 2410.21582), which were collected,
painted or photographed; here each is made by a recipe that shifts the images in the same manner and keeps
the class recognisable. A shift of the user's own is one file with a :class:`Shift` called ``SHIFT``; it draws
from images that no other set uses.
"""

from gridcell.data.shifts.pieces import Pool
from gridcell.data.shifts.registry import (
    BUILT_IN,
    Shift,
    Sources,
    image_by_image,
    shift,
    shifts_in_order,
)

__all__ = ["BUILT_IN", "Pool", "Shift", "Sources", "image_by_image", "shift", "shifts_in_order"]
