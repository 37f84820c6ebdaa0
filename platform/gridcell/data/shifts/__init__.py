"""Distribution shifts that can be derived from any labelled colour images of at least 16 px.

They stand in for the eight data sets of ImageNet-RIB (Hwang et al., arXiv 2410.21582), which were collected,
painted or photographed; here each is made by a recipe that shifts the images in the same manner and keeps
the class recognisable. A new shift is one new module here with a :class:`Shift` called ``SHIFT``.
"""

from gridcell.data.shifts.registry import Shift, Sources, shift, shifts_in_order

__all__ = ["Shift", "Sources", "shift", "shifts_in_order"]
